//! The voting service over HTTP, as voters, organisers, load tools and attackers use it.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod api;
mod arbitrary;
mod codes;
mod cookies;
mod countdown;
mod event_page;
mod events;
mod front_page;
mod kiosk;
mod managing;
mod organise;
mod organise_events;
mod organiser;
mod outages;
mod pages;
mod publication;
mod refusals;
mod sessions;
mod sheets;
mod states;
mod support;
mod voting;
