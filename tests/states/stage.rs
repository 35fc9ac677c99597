//! The services, and polls like those that people run, with ballots in them.

use domain::{PollId, Receipt, Secret, VoterId};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use testkit::{
    address,
    postgres_server::PostgresServer,
    programs::{ORGANISER_TOKEN, Program, SECRET_KEY, Services},
    redis_server::RedisServer,
    wait,
};
use tokio::task::JoinHandle;

use super::{events, outages::Outage, publication};

/// Everything that runs behind the pages.
pub(super) struct Stage {
    redis: RedisServer,
    ledger: PostgresServer,
    services: Services,
    /// A voting service without an organiser, and its address.
    lonely: (Program, String),
    /// Of a ballot in `talks` that counts, of one in `board` that was changed afterwards, of one in `again` before its
    /// reset, and of one in `talks` that nobody ever cast.
    pub(super) receipts: [String; 4],
    /// Of a ballot that waits, while the worker is paused.
    pub(super) waiting: String,
    /// Of `board`, in which votes can be changed, and of `statutes`, in which they are final: both are used.
    pub(super) codes: [String; 2],
}

/// 26 answers of a usual length.
const BOOKS: [&str; 26] = [
    "Middlemarch",
    "Beloved",
    "The Leopard",
    "Ficciones",
    "To the Lighthouse",
    "The Trial",
    "Invisible Cities",
    "Things Fall Apart",
    "Wuthering Heights",
    "The Master and Margarita",
    "One Hundred Years of Solitude",
    "Madame Bovary",
    "The Left Hand of Darkness",
    "Mrs Dalloway",
    "Austerlitz",
    "The Remains of the Day",
    "Pedro Páramo",
    "Memoirs of Hadrian",
    "The Magic Mountain",
    "Crime and Punishment",
    "The Periodic Table",
    "A Room of One’s Own",
    "Candide",
    "Don Quixote",
    "The Waves",
    "Dead Souls",
];

/// A question of exactly 500 characters.
pub(super) fn long_question() -> String {
    let text = "The hall is ours from noon until ten at night, the caterer wants to know by Friday, and last year a \
                third of the guests stood in the rain because nobody had asked: taking into account the weather, the \
                neighbours, the price of the tent and the two speakers who can only come in the afternoon, and \
                knowing that whatever we decide today will be printed on the invitations and can’t be changed \
                afterwards, which of these ways of spending the evening do you want us to prepare for all of you, \
                and for whoever comes along?";
    let mut question: String = text.chars().take(499).collect();
    question.extend(std::iter::repeat_n('?', 500 - question.chars().count()));
    question
}

fn polls() -> Vec<Value> {
    let two = ["Yes", "No"];
    let letters: Vec<String> = ('a'..='z').map(|key| format!("{} {key}", "A long answer ".repeat(14))).collect();
    vec![
        json!({"id": "lunch", "question": "Soup or salad?", "options": ["Soup", "Salad"], "listed": true}),
        json!({"id": "talks", "question": "Which talk shall we hear next?", "listed": true,
            "options": ["Bees in the city", "How bridges fail", "Reading the weather", "A short history of zero"]}),
        json!({"id": "books", "question": "Which book shall we read this winter?", "options": BOOKS, "listed": true}),
        json!({"id": "shelf", "question": "Which three are to be on the shelf?", "options": BOOKS[..6],
            "max_choices": 3}),
        json!({"id": "long", "question": long_question(),
            "options": ["Dinner in the hall", "A walk, then dinner", "Two short talks and a concert",
                "Nothing of that"]}),
        json!({"id": "largest", "question": long_question(), "options": letters, "max_choices": 5}),
        json!({"id": "dinner", "question": "Who is to speak at the dinner?", "options": ["Ada", "Grace", "Mary"],
            "results": "hidden", "listed": true}),
        json!({"id": "later", "question": "Was that a good idea?", "options": two, "state": "waiting"}),
        json!({"id": "tablet", "question": "Was the day worth your time?", "options": two, "kiosk": true}),
        json!({"id": "over", "question": "Shall we meet again next month?", "options": two}),
        json!({"id": "again", "question": "Shall we begin earlier?", "options": two}),
        json!({"id": "short", "question": "Is the room warm enough?", "options": two}),
        json!({"id": "final", "question": "Who is to take the minutes?", "options": ["Ada", "Grace", "Mary"],
            "changes": false}),
        json!({"id": "zero", "question": "Window open or closed?", "options": ["Open", "Closed", "Ajar"]}),
        json!({"id": "hurry", "question": "Shall we take a break now?", "options": ["Yes", "No", "In a moment"]}),
        json!({"id": "board", "question": "Who is to be on the board?", "options": ["Ada", "Grace"],
            "access": "codes"}),
        json!({"id": "statutes", "question": "Do you accept the new statutes?", "options": two, "access": "codes",
            "changes": false}),
    ]
}

/// Polls with ballots, and how many for each option.
const BALLOTS: [(&str, &[usize]); 7] = [
    ("lunch", &[9, 5]),
    ("talks", &[21, 13, 8, 1]),
    ("books", &[5, 3, 4, 2, 6, 1, 4, 3, 0, 2, 1, 3, 5, 2, 0, 4, 1, 2, 3, 1, 0, 2, 1, 3, 2, 1]),
    ("long", &[6, 9, 4, 1]),
    ("largest", &[2, 1, 3]),
    ("dinner", &[4, 3, 1]),
    ("over", &[7, 2]),
];

/// Sends something with the organiser's token.
pub(super) async fn organise(url: &str, body: &Value) {
    let answer = Client::new().post(url).bearer_auth(ORGANISER_TOKEN).json(body).send().await;
    let answer = answer.expect("vote answers");
    assert!(answer.status().is_success(), "{url}: {}", answer.text().await.unwrap_or_default());
}

/// Somebody who tries one voting code after the other, until it is dropped.
pub(super) struct Guessing(JoinHandle<()>);

impl Guessing {
    /// Begins, and waits until it is too much for the voting service. The address is the one that takes ballots.
    pub(super) async fn begin(url: &str) -> Self {
        let client = Client::new();
        let guess = client.post(url).json(&json!({"choices": ["a"], "code": "0000-0000-0000"}));
        let try_once =
            async move || guess.try_clone().expect("a small body").send().await.expect("vote answers").status();
        while try_once().await != StatusCode::TOO_MANY_REQUESTS {}
        Self(tokio::spawn(async move {
            loop {
                try_once().await;
            }
        }))
    }
}

impl Drop for Guessing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn without_organiser(redis: &RedisServer) -> (Program, String) {
    let (listen, admin) = (address::free(), address::free());
    let environment = [
        ("LISTEN_ADDR".to_owned(), listen.to_string()),
        ("ADMIN_ADDR".to_owned(), admin.to_string()),
        ("SECRET_KEY".to_owned(), SECRET_KEY.to_owned()),
        ("REDIS_URL".to_owned(), redis.url()),
    ];
    let vote = Program::start("vote", &[], environment.into_iter().chain(testkit::programs::partitions()));
    testkit::programs::ready(admin).await;
    (vote, format!("http://{listen}"))
}

/// The receipt of a ballot at the place of another one, by a voter who never was: as if the ledger had lost it.
fn never_cast(other: &str) -> String {
    let (secret, poll) = (Secret::parse(SECRET_KEY).expect("a key"), PollId::parse("talks").expect("an id"));
    let other = Receipt::decode(other, &secret, poll).expect("a receipt");
    Receipt { voter: VoterId::from_bytes([7; 16]), ..other }.encode(&secret, poll)
}

impl Stage {
    pub(super) async fn start() -> Self {
        let (redis, ledger) = (RedisServer::start().await, PostgresServer::private().await);
        let services = Services::start(&redis.url(), ledger.url()).await;
        let mut stage = Self {
            lonely: without_organiser(&redis).await,
            redis,
            ledger,
            services,
            receipts: Default::default(),
            waiting: String::new(),
            codes: Default::default(),
        };
        stage.fill().await;
        stage
    }

    /// An address on the voting host.
    pub(super) fn vote(&self, path: &str) -> String {
        format!("{}{path}", self.services.vote.url())
    }

    /// An address on the voting host that has no organiser.
    pub(super) fn lonely(&self, path: &str) -> String {
        format!("{}{path}", self.lonely.1)
    }

    /// An address on the result host.
    pub(super) fn result(&self, path: &str) -> String {
        format!("{}{path}", self.services.result.url())
    }

    async fn fill(&mut self) {
        for poll in polls() {
            self.organise("", &poll).await;
        }
        for (poll, votes) in BALLOTS {
            for (option, count) in votes.iter().enumerate() {
                for _ in 0..*count {
                    self.cast(poll, option, None).await;
                }
            }
        }
        self.organise("/over/close", &json!({})).await;
        self.organise("/hurry/open", &json!({"seconds": 5_400})).await;
        let cast = self.cast("talks", 1, None).await;
        let board = self.code("board").await;
        let statutes = self.code("statutes").await;
        let replaced = self.cast("board", 0, Some(&board)).await;
        self.cast("board", 1, Some(&board)).await;
        self.cast("statutes", 0, Some(&statutes)).await;
        let past = self.cast("again", 0, None).await;
        self.organise("/again/reset", &json!({})).await;
        let missing = never_cast(&cast);
        self.receipts = [cast, replaced, past, missing];
        self.codes = [board, statutes];
        events::fill(self).await;
        publication::fill(self).await;
        let voters: usize = BALLOTS[1].1.iter().sum::<usize>() + 1;
        wait::until("all to be counted", || async {
            testkit::tallies::tally(&self.services.result.url(), "talks")
                .await
                .filter(|tally| tally["voters"] == voters)
        })
        .await;
    }

    async fn organise(&self, path: &str, body: &Value) {
        organise(&self.vote(&format!("/api/polls{path}")), body).await;
    }

    pub(super) async fn cast(&self, poll: &str, option: usize, code: Option<&str>) -> String {
        let key = char::from(b'a' + u8::try_from(option).expect("at most 26 options"));
        let mut ballot = json!({"choices": [key]});
        if let Some(code) = code {
            ballot["code"] = code.into();
        }
        let url = self.vote(&format!("/api/polls/{poll}/ballots"));
        let cast: Value =
            Client::new().post(url).json(&ballot).send().await.expect("vote answers").json().await.expect("JSON");
        cast["receipt"].as_str().unwrap_or_else(|| panic!("a receipt: {cast}")).to_owned()
    }

    async fn code(&self, poll: &str) -> String {
        let url = self.vote(&format!("/api/polls/{poll}/codes?count=1"));
        let answer = Client::new().get(url).bearer_auth(ORGANISER_TOKEN).send().await.expect("vote answers");
        let codes: Value = answer.json().await.expect("JSON");
        codes["codes"][0]["code"].as_str().expect("a code").to_owned()
    }

    pub(super) async fn strike(&mut self, outage: Outage) {
        match outage {
            Outage::Counting => {
                self.services.worker.program.signal("STOP");
                self.waiting = self.cast("talks", 2, None).await;
            }
            Outage::Log => self.redis.kill(),
            Outage::Ledger => self.ledger.stop().await,
            Outage::Result => self.services.result.program.kill(),
        }
    }

    /// Ends the outage, so that the next one is alone.
    pub(super) async fn heal(&mut self, outage: Outage) {
        match outage {
            Outage::Counting => self.services.worker.program.signal("CONT"),
            Outage::Log => self.redis.restart().await,
            Outage::Ledger => self.ledger.restart().await,
            Outage::Result => self.services.result.program.start_again(),
        }
        self.services.ready().await;
        // Screens say "live" until the last heartbeat of before is old. From here on there are new ones.
        let (partitions, worker) = (f64::from(testkit::programs::partition_count()), &self.services.worker);
        let leads = || async { worker.metric("scrutin_worker_leads").await >= partitions };
        wait::until_true("the worker to lead again", leads).await;
    }
}
