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
    noted timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: log; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.log (
    partition integer NOT NULL,
    log_id text,
    "position" bigint NOT NULL
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

COPY public.ballots ("position", poll, choices, voter) FROM stdin;
1883095063215472640	1	1	036df1bd-e024-94e3-8d7f-14b2b247fb79
1883095063266852864	1	2	7ed0cf75-e187-c32b-ce93-07f3250ef2fa
1883095063306698752	2	1	7ca98aaf-8fea-cd16-ed18-b959e7ab72d1
1883095063388487680	3	5	9c64d31b-be80-6fa6-1d30-1bffcf60bc24
1883095063396876288	4	2	c135458a-dae3-e565-85ab-108dd8b1e0ca
1883095063401070592	1	1	1bf58f48-ad09-b0ed-7247-8c07eddd1527
1883095063402119168	1	2	1bf58f48-ad09-b0ed-7247-8c07eddd1527
1883095063398973440	5	1	8b6b03e2-d62c-fcd3-5fca-0b55d497991b
1883095063407362048	5	2	8b6b03e2-d62c-fcd3-5fca-0b55d497991b
1883095063403167744	6	1	fb5b0958-dec6-06d9-4da2-8147da1a911b
\.


--
-- Data for Name: count_times; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.count_times (partition, after, at) FROM stdin;
0	0	2026-11-28 09:49:56+00
0	1883095063009951744	2026-11-28 09:49:57+00
\.


--
-- Data for Name: gaps; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.gaps (partition, after, through, noted) FROM stdin;
\.


--
-- Data for Name: log; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.log (partition, log_id, "position") FROM stdin;
0	Bb9_q-pNLXSbKYj47lB43Q	1883095063407362048
\.


--
-- Data for Name: migrations; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.migrations (number, applied) FROM stdin;
1	2026-11-28 09:49:56.32563+00
2	2026-11-28 09:49:56.368089+00
\.


--
-- Data for Name: polls; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.polls (number, id, partition, poll, state, listed, round, since, "position") FROM stdin;
1	main	0	{"id":"main","state":"open","changes":true,"round":1,"question":"Cats or Dogs?","options":["Cats","Dogs"],"max_choices":1,"results":"live","access":"anyone","listed":false}	open	f	1	0	0
3	hidden	0	{"id":"hidden","state":"open","changes":true,"round":1,"question":"Hidden?","options":["Yes","No","Perhaps"],"max_choices":2,"results":"hidden","access":"anyone","listed":true}	open	t	1	1883095063009951744	1883095063009951744
4	once	0	{"id":"once","state":"open","changes":false,"round":1,"question":"Only once?","options":["Yes","No"],"max_choices":1,"results":"live","access":"anyone","listed":false}	open	f	1	1883095063046651904	1883095063046651904
6	codes	0	{"id":"codes","state":"open","changes":false,"round":1,"question":"With a code?","options":["Yes","No"],"max_choices":1,"results":"live","access":"codes","listed":false}	open	f	1	1883095063110615040	1883095063110615040
5	reset	0	{"id":"reset","state":"open","changes":true,"round":2,"question":"Once more?","options":["Yes","No"],"max_choices":1,"results":"live","access":"anyone","listed":false}	open	f	2	1883095063406313472	1883095063406313472
2	closed	0	{"id":"closed","state":"closed","changes":true,"round":1,"question":"Closed?","options":["Yes","No"],"max_choices":1,"results":"live","access":"anyone","listed":false}	closed	f	1	1883095062994223104	1883095063405264896
\.


--
-- Data for Name: rejected; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.rejected (partition, "position", reason, entry) FROM stdin;
\.


--
-- Data for Name: tallies; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.tallies (poll, option, votes) FROM stdin;
1	0	1
2	0	1
3	0	1
3	2	1
4	1	1
1	1	2
5	1	1
6	0	1
\.


--
-- Data for Name: turnout; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.turnout (poll, voters, counted) FROM stdin;
2	1	1
3	1	1
4	1	1
1	3	4
5	1	2
6	1	1
\.


--
-- Name: polls_number_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.polls_number_seq', 6, true);


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


