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

INSERT INTO public.ballots VALUES (1883119840326057984, 1, 2, 'c98d7ddd-1d64-81a2-d3c0-e0171fc84e20');
INSERT INTO public.ballots VALUES (1883119840323960832, 1, 1, 'da407d1f-4c9a-3652-fa6e-c265ec0bec45');
INSERT INTO public.ballots VALUES (1883119840328155136, 1, 2, 'da407d1f-4c9a-3652-fa6e-c265ec0bec45');
INSERT INTO public.ballots VALUES (1883119840333398016, 2, 2, '53af0a49-9330-1c7d-458e-3f8bd8319660');
INSERT INTO public.ballots VALUES (1883119840332349440, 2, 1, '541a6524-3f6a-f97a-70c7-5103e1c6e2cf');
INSERT INTO public.ballots VALUES (1883119840330252288, 2, 1, '91c8bab1-1a8b-a8a2-bf8d-99b85661e409');
INSERT INTO public.ballots VALUES (1883119840339689472, 3, 2, '4ea56e43-4a2a-cc6e-559a-a9631703f95e');
INSERT INTO public.ballots VALUES (1883119840336543744, 3, 1, 'ef955da4-7f30-3bbd-a0c9-f01817f8a875');
INSERT INTO public.ballots VALUES (1883119840340738048, 4, 1, '008f7e39-563d-c72f-bbc2-d937edf0596f');


--
-- Data for Name: count_times; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.count_times VALUES (2, 0, '2026-11-28 16:23:46+00');


--
-- Data for Name: gaps; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: installation; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.installation VALUES (true, 'VZL2XzqXO-tWVwUGTOJMfg', 3, 1, 'e878ff11b23b3663', '127.0.0.1:7391/0', '2026-11-28 16:23:45.263315+00');


--
-- Data for Name: log; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.log VALUES (1, 'ikVUU8nGPjSqodQEmI4eMw', 0, '2026-11-28 16:23:47.466235+00');
INSERT INTO public.log VALUES (0, 'bCjf2ihT4zBf6YH9_2q1rg', 0, '2026-11-28 16:23:47.467988+00');
INSERT INTO public.log VALUES (2, 'HAcphCCuc7yDRuc6bsc6FQ', 1883119840345980928, '2026-11-28 16:23:47.668885+00');


--
-- Data for Name: migrations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.migrations VALUES (1, '2026-11-28 16:23:45.111165+00');
INSERT INTO public.migrations VALUES (2, '2026-11-28 16:23:45.221296+00');
INSERT INTO public.migrations VALUES (3, '2026-11-28 16:23:45.224375+00');
INSERT INTO public.migrations VALUES (4, '2026-11-28 16:23:45.224926+00');
INSERT INTO public.migrations VALUES (5, '2026-11-28 16:23:45.241266+00');


--
-- Data for Name: polls; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.polls VALUES (1, 'main', 2, '{"id":"main","state":"open","changes":true,"round":1,"question":"Cats or Dogs?","options":["Cats","Dogs"],"max_choices":1,"results":"live","access":"anyone","listed":false}', 'open', false, 1, 0, 0);
INSERT INTO public.polls VALUES (2, 'lunch', 2, '{"id":"lunch","state":"closed","changes":true,"round":1,"question":"What of lunch?","options":["Yes","No"],"max_choices":1,"results":"live","access":"anyone","listed":false}', 'closed', false, 1, 1883119840313475072, 1883119840335495168);
INSERT INTO public.polls VALUES (3, 'reset', 2, '{"id":"reset","state":"open","changes":true,"round":2,"question":"What of reset?","options":["Yes","No"],"max_choices":1,"results":"live","access":"anyone","listed":false}', 'open', false, 2, 1883119840338640896, 1883119840338640896);
INSERT INTO public.polls VALUES (4, 'hidden', 2, '{"id":"hidden","state":"open","changes":true,"round":1,"question":"What of hidden?","options":["Yes","No"],"max_choices":1,"results":"hidden","access":"anyone","listed":false}', 'open', false, 1, 1883119840320815104, 1883119840343883776);
INSERT INTO public.polls VALUES (5, 'listed', 2, '{"id":"listed","state":"open","changes":true,"round":1,"question":"What of listed?","options":["Yes","No"],"max_choices":1,"results":"live","access":"anyone","listed":true}', 'open', true, 1, 1883119840321863680, 1883119840345980928);


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


