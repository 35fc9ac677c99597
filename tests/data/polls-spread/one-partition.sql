--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: ballots; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ballots (
    "position" bigint NOT NULL,
    poll integer NOT NULL,
    choices integer NOT NULL,
    voter uuid NOT NULL
);


--
-- Name: count_times; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.count_times (
    partition integer NOT NULL,
    after bigint NOT NULL,
    at timestamp with time zone NOT NULL
);


--
-- Name: gaps; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.gaps (
    partition integer NOT NULL,
    after bigint NOT NULL,
    through bigint NOT NULL,
    noted timestamp with time zone DEFAULT now() NOT NULL,
    ballots bigint
);


--
-- Name: installation; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.installation (
    one boolean DEFAULT true NOT NULL,
    id text NOT NULL,
    partitions integer NOT NULL,
    addresses integer NOT NULL,
    fingerprint text,
    log_address text NOT NULL,
    made timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT installation_one_check CHECK (one)
);


--
-- Name: log; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.log (
    partition integer NOT NULL,
    log_id text,
    "position" bigint NOT NULL,
    heartbeat timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='50');


--
-- Name: migrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.migrations (
    number integer NOT NULL,
    applied timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: polls; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.polls (
    number integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    partition integer NOT NULL,
    poll json NOT NULL,
    state text NOT NULL,
    listed boolean NOT NULL,
    round bigint NOT NULL,
    since bigint NOT NULL,
    "position" bigint NOT NULL
);


--
-- Name: polls_number_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.polls_number_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: polls_number_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.polls_number_seq OWNED BY public.polls.number;


--
-- Name: rejected; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.rejected (
    partition integer NOT NULL,
    "position" bigint NOT NULL,
    reason text NOT NULL,
    entry text NOT NULL
);


--
-- Name: tallies; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tallies (
    poll integer NOT NULL,
    option smallint NOT NULL,
    votes bigint NOT NULL
)
WITH (fillfactor='50');


--
-- Name: turnout; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.turnout (
    poll integer NOT NULL,
    voters bigint NOT NULL,
    counted bigint NOT NULL
)
WITH (fillfactor='50');


--
-- Name: polls number; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.polls ALTER COLUMN number SET DEFAULT nextval('public.polls_number_seq'::regclass);


--
-- Data for Name: ballots; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.ballots VALUES (1883119829546696704, 1, 1, '75c6032d-22b5-f8e9-08ce-c7945092137e');
INSERT INTO public.ballots VALUES (1883119829551939584, 1, 2, '75c6032d-22b5-f8e9-08ce-c7945092137e');
INSERT INTO public.ballots VALUES (1883119829549842432, 1, 2, '91c93206-4e75-c4b0-f4c3-640868776a4c');
INSERT INTO public.ballots VALUES (1883119829554036736, 2, 1, '88f51aa8-f76c-da11-87fa-fa70d7d62bc8');
INSERT INTO public.ballots VALUES (1883119829557182464, 2, 2, '3b947388-0c14-b9bf-9911-c435701929c3');
INSERT INTO public.ballots VALUES (1883119829556133888, 2, 1, 'bc47629b-60bf-2f41-56df-93715ce13714');
INSERT INTO public.ballots VALUES (1883119829573959680, 3, 1, 'c39183a9-112c-733b-4063-deaed0cd2546');
INSERT INTO public.ballots VALUES (1883119829578153984, 3, 2, '6581c4f4-4c0f-b3a3-42e6-9393ac5575e1');
INSERT INTO public.ballots VALUES (1883119829579202560, 4, 1, '2fc28ad8-16a7-04cc-3163-3f253a774850');


--
-- Data for Name: count_times; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.count_times VALUES (0, 0, '2026-11-28 16:23:36+00');


--
-- Data for Name: gaps; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: installation; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.installation VALUES (true, '28HoLQzT9pbRN_6rlMWrUw', 1, 1, 'e878ff11b23b3663', '127.0.0.1:7391/0', '2026-11-28 16:23:35.894689+00');


--
-- Data for Name: log; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.log VALUES (0, 'MtPEgOhwVHHQuyCcnxj1Cg', 1883119829582348288, '2026-11-28 16:23:38.228962+00');


--
-- Data for Name: migrations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.migrations VALUES (1, '2026-11-28 16:23:35.72781+00');
INSERT INTO public.migrations VALUES (2, '2026-11-28 16:23:35.819101+00');
INSERT INTO public.migrations VALUES (3, '2026-11-28 16:23:35.826537+00');
INSERT INTO public.migrations VALUES (4, '2026-11-28 16:23:35.827045+00');
INSERT INTO public.migrations VALUES (5, '2026-11-28 16:23:35.851796+00');


--
-- Data for Name: polls; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.polls VALUES (1, 'main', 0, '{"id":"main","state":"open","changes":true,"round":1,"question":"Cats or Dogs?","options":["Cats","Dogs"],"max_choices":1,"results":"live","access":"anyone","listed":false}', 'open', false, 1, 0, 0);
INSERT INTO public.polls VALUES (2, 'lunch', 0, '{"id":"lunch","state":"closed","changes":true,"round":1,"version":2,"question":"What of lunch?","options":["Yes","No"],"max_choices":1,"results":"live","access":"anyone","listed":false}', 'closed', false, 1, 1883119829533065216, 1883119829572911104);
INSERT INTO public.polls VALUES (3, 'reset', 0, '{"id":"reset","state":"open","changes":true,"round":2,"version":2,"question":"What of reset?","options":["Yes","No"],"max_choices":1,"results":"live","access":"anyone","listed":false}', 'open', false, 2, 1883119829576056832, 1883119829576056832);
INSERT INTO public.polls VALUES (4, 'hidden', 0, '{"id":"hidden","state":"open","changes":true,"round":1,"version":2,"question":"What of hidden?","options":["Yes","No"],"max_choices":1,"results":"hidden","access":"anyone","listed":false}', 'open', false, 1, 1883119829536210944, 1883119829580251136);
INSERT INTO public.polls VALUES (5, 'listed', 0, '{"id":"listed","state":"open","changes":true,"round":1,"version":2,"question":"What of listed?","options":["Yes","No"],"max_choices":1,"results":"live","access":"anyone","listed":true}', 'open', true, 1, 1883119829537259520, 1883119829582348288);


--
-- Data for Name: rejected; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: tallies; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.tallies VALUES (1, 1, 2);
INSERT INTO public.tallies VALUES (2, 0, 2);
INSERT INTO public.tallies VALUES (2, 1, 1);
INSERT INTO public.tallies VALUES (3, 1, 1);
INSERT INTO public.tallies VALUES (4, 0, 1);


--
-- Data for Name: turnout; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.turnout VALUES (1, 2, 3);
INSERT INTO public.turnout VALUES (2, 3, 3);
INSERT INTO public.turnout VALUES (3, 1, 2);
INSERT INTO public.turnout VALUES (4, 1, 1);


--
-- Name: polls_number_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.polls_number_seq', 5, true);


--
-- Name: ballots ballots_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ballots
    ADD CONSTRAINT ballots_pkey PRIMARY KEY (poll, voter, "position");


--
-- Name: count_times count_times_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.count_times
    ADD CONSTRAINT count_times_pkey PRIMARY KEY (partition, after);


--
-- Name: gaps gaps_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.gaps
    ADD CONSTRAINT gaps_pkey PRIMARY KEY (partition, after, through);


--
-- Name: installation installation_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (one);


--
-- Name: log log_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.log
    ADD CONSTRAINT log_pkey PRIMARY KEY (partition);


--
-- Name: migrations migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (number);


--
-- Name: polls polls_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.polls
    ADD CONSTRAINT polls_id_key UNIQUE (id);


--
-- Name: polls polls_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.polls
    ADD CONSTRAINT polls_pkey PRIMARY KEY (number);


--
-- Name: rejected rejected_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rejected
    ADD CONSTRAINT rejected_pkey PRIMARY KEY (partition, "position");


--
-- Name: tallies tallies_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tallies
    ADD CONSTRAINT tallies_pkey PRIMARY KEY (poll, option);


--
-- Name: turnout turnout_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.turnout
    ADD CONSTRAINT turnout_pkey PRIMARY KEY (poll);


--
-- Name: polls_listed; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX polls_listed ON public.polls USING btree (id) WHERE (listed AND (state = 'open'::text));


--
-- Name: polls_partition; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX polls_partition ON public.polls USING btree (partition);


--
-- PostgreSQL database dump complete
--


