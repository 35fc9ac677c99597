//! Access to the inside for the fuzzer (`fuzz/`); only in its builds.

use domain::{Choices, KeyPurpose, Poll, PollId, Secret, encode_base64};
use http::{HeaderMap, HeaderValue, header};
use web::cookies::CookieScope;

use crate::{
    api::model::{NewBallot, NewPoll},
    request::form::Fields,
    voter::{
        codes::{self, Code},
        cookies::{CookieKeys, VotingBrowser},
    },
    voting::ballot_form::BallotForm,
};

fn secret() -> Secret {
    Secret::parse("a secret for the fuzzer, of more than 32 bytes").expect("long enough")
}

/// A `Cookie` header as anybody can send it: no panic.
pub fn cookie_header(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    let _ = VotingBrowser::of(
        &HeaderMap::from_iter([(header::COOKIE, value)]),
        &CookieKeys::new(&secret(), CookieScope::TlsOnly),
    );
}

/// A `ballots` cookie whose signature is right, whatever it holds: as if the secret were known, or a later release had
/// written it. What is read is written back and read the same.
pub fn signed_cookie(token: [u8; 16], ballots: &[u8]) {
    let keys = CookieKeys::new(&secret(), CookieScope::TlsOnly);
    let tag: [u8; 16] = secret().signer(KeyPurpose::FirstVoterCookie).tag(&[&token]);
    let memory = secret().signer(KeyPurpose::FirstBallotsCookie).tagged(&token, ballots);
    let line = format!("voter={}; ballots={memory}", encode_base64(&[&token, &tag]));
    let browser = browser(&line, &keys);
    let mut set = HeaderMap::new();
    browser.set_ballots_cookie(&mut set, &keys);
    let again = set[header::SET_COOKIE].to_str().expect("text").split(';').next().expect("the pair").to_owned();
    let line = format!("{}; {again}", line.split(';').next().expect("the voter"));
    assert_eq!(self::browser(&line, &keys).remembered(), browser.remembered());
}

fn browser(line: &str, keys: &CookieKeys) -> VotingBrowser {
    let headers = HeaderMap::from_iter([(header::COOKIE, line.parse().expect("text"))]);
    VotingBrowser::of(&headers, keys).expect("one voter")
}

/// A posted form, as a ballot and as the fields of the organiser's pages.
pub fn form(bytes: &[u8]) {
    if let Ok(ballot) = BallotForm::read(bytes)
        && let Some(code) = ballot.code
    {
        let tidied = codes::tidied(&code);
        assert!(tidied.len() <= 24 && tidied.is_ascii());
        let code = Code::read(&code, &secret(), PollId::MAIN);
        assert!(code.is_err(), "a code of 44 bits was guessed");
    }
    if let Ok(fields) = Fields::read(bytes) {
        fields.get("question");
    }
}

/// A body of the API, as a ballot and as a new poll. A poll that keeps to the limits is the same in the log again.
pub fn json(bytes: &[u8]) {
    if let Ok(ballot) = serde_json::from_slice::<NewBallot>(bytes)
        && let Ok(choices) = Choices::parse(ballot.choices.iter().map(String::as_str))
    {
        assert_eq!(choices.len() as usize, ballot.choices.len());
    }
    if let Ok(poll) = serde_json::from_slice::<NewPoll>(bytes)
        && let Ok(poll) = Poll::new(PollId::MAIN, poll.into())
    {
        let text = serde_json::to_string(&poll).expect("plain data");
        assert_eq!(serde_json::from_str::<Poll>(&text).expect("what was written"), poll);
    }
}
