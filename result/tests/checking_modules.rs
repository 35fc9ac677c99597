//! The modules by which a browser checks a count, in a real browser, against the values of the crates that count.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

mod support;

use domain::{Digest, node, root};
use serde_json::{Value, json};
use support::{App, spawn_app};
use testkit::{
    browser::{Browser, Driver, Setup},
    poll_server::PollServer,
    published_poll::PublishedPoll,
};

/// Runs a script that may await, and returns what it returns, or why it failed.
async fn run(browser: &Browser, script: &str) -> Value {
    let script = format!(
        "const done = arguments[arguments.length - 1]; \
         (async () => {{ {script} }})().then(done, (error) => done(String(error)));"
    );
    browser.client().execute_async(&script, Vec::new()).await.unwrap()
}

async fn open(app: &App) -> (Driver, Browser) {
    let driver = Driver::start().await;
    let browser = driver.open(Setup::default()).await;
    browser.goto(&app.url("/polls")).await;
    (driver, browser)
}

fn hex(digests: impl IntoIterator<Item = Digest>) -> Value {
    digests.into_iter().map(|digest| digest.to_string()).collect()
}

fn leaves(count: usize) -> Vec<Digest> {
    (0..count as u64).map(|number| Digest::of(&number.to_be_bytes())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn digests_and_roots_in_the_browser_are_those_of_the_count() {
    let app = spawn_app().await;
    let (_driver, browser) = open(&app).await;
    // Around the ends of blocks, and parts as leaves have them.
    let script = "const {digest, begin, byte, bytes, integer, text, finish} = await import('/static/sha256.js'); \
        const {hex, utf8} = await import('/static/note.js'); \
        const of = (length) => Uint8Array.from({length}, (_, i) => i * 7); \
        const all = [0, 1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000].map((length) => hex(digest(of(length)))); \
        const out = new Uint8Array(40); \
        begin(); text(utf8('Köln')); integer(1790000000123); integer(2 ** 53 - 1); byte(9); bytes(of(9), 2, 5); \
        finish(out, 8); \
        return all.concat([hex(out.slice(8))]);";
    let of = |length: usize| (0..length).map(|i| u8::try_from(i * 7 % 256).unwrap()).collect::<Vec<_>>();
    let mut expected: Vec<_> = [0, 1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000].map(of).to_vec();
    let mut parts = 5_u64.to_be_bytes().to_vec();
    parts.extend("Köln".bytes());
    parts.extend([1_790_000_000_123_u64, (1 << 53) - 1].map(u64::to_be_bytes).concat());
    parts.extend([9, 14, 21, 28]);
    expected.push(parts);
    assert_eq!(run(&browser, script).await, hex(expected.iter().map(|message| Digest::of(message))));

    let script = "const {digest} = await import('/static/sha256.js'); const {hex} = await import('/static/note.js'); \
        const {GrowingRoot, above} = await import('/static/merkle.js'); \
        const tree = new GrowingRoot(); const roots = [hex(tree.root())]; \
        for (let i = 0; i < 600; i++) { \
            tree.push(digest(Uint8Array.of(0, 0, 0, 0, 0, 0, i >> 8, i)), 0); roots.push(hex(tree.root())); } \
        return roots.concat([hex(above(digest(Uint8Array.of(1)), digest(Uint8Array.of(2))))]);";
    let leaves = leaves(600);
    let roots = (0..=600).map(|size| root(&leaves[..size])).chain([node(&Digest::of(&[1]), &Digest::of(&[2]))]);
    assert_eq!(run(&browser, script).await, hex(roots));
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_are_opened_in_the_browser_only_with_their_key() {
    let app = spawn_app().await;
    let (_driver, browser) = open(&app).await;
    let poll = PublishedPoll::of(2, (0..40).map(|voter| (voter, "a")));
    let (key, seal, proof) = (poll.key().verifier().to_string(), poll.signed_seal(), poll.proof(7));
    let script = |seal: &str, key: &str| {
        format!(
            "const {{readNote, readKey, isSigned}} = await import('/static/note.js'); \
             const [note, key] = [readNote({}), readKey({})]; \
             return note && key ? await isSigned(note, key) : 'unread';",
            json!(seal),
            json!(key)
        )
    };
    assert_eq!(run(&browser, &script(&seal, &key)).await, true);
    assert_eq!(run(&browser, &script(&seal.replace("voters 40", "voters 41"), &key)).await, false);
    let other = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    assert_eq!(run(&browser, &script(&seal, other)).await, false, "not signed with it");
    assert_eq!(run(&browser, &script(&seal, &key.replace("+A", "+B"))).await, "unread", "no key");
    assert_eq!(run(&browser, &script(seal.trim_end(), &key)).await, "unread", "no note");

    let script = format!(
        "const {{readNote, hex}} = await import('/static/note.js'); \
         const {{rootOfPath, same}} = await import('/static/merkle.js'); \
         const {{readEvidence, readSeal}} = await import('/static/statements.js'); \
         const proof = readEvidence({}); const {{leaf, index, path, checkpoint}} = proof; \
         const seal = readSeal(readNote({}).text); \
         const at = (index) => {{ const root = rootOfPath(leaf, index, checkpoint.size, path); \
             return root !== null && same(root, checkpoint.root); }}; \
         return [at(index), at(index + 1), hex(leaf), seal.trees.map((tree) => tree.size), seal.voters];",
        json!(proof),
        json!(seal)
    );
    let (partition, index) = poll.place(7);
    let sizes: Vec<_> = poll.trees.iter().map(Vec::len).collect();
    let leaf = poll.leaves(partition)[index].to_string();
    assert_eq!(run(&browser, &script).await, json!([true, false, leaf, sizes, 40]));
    browser.run("delete Crypto.prototype.subtle").await;
    let script = format!(
        "const {{readNote, readKey, isSigned}} = await import('/static/note.js'); \
         return String(await isSigned(readNote({}), readKey({})));",
        json!(seal),
        json!(key)
    );
    assert_eq!(run(&browser, &script).await, "null", "where it can't be checked that is said");
}

/// What the browser says of two sizes of a tree, of which the larger is served.
async fn growth(browser: &Browser, served: &PublishedPoll, small: (usize, Digest), large: usize) -> Value {
    // The page's policy lets it ask its own host only: the test hands in the tiles.
    let mut tiles = serde_json::Map::new();
    let server = PollServer::start(served.clone());
    server.show(served.clone(), Some(vec![large]));
    let http = reqwest::Client::new();
    let at = server.page().replace("/p/", "/api/polls/") + "/log/1/0/0/tile/";
    for path in
        ["0/000", "0/001", "0/002", "0/003", "1/000.p/3", "0/003.p/132", "0/000.p/200", "0/001.p/44", "1/000.p/1"]
    {
        let answer = http.get(format!("{at}{path}")).send().await.unwrap();
        if answer.status() == 200 {
            tiles.insert(path.to_owned(), json!(answer.bytes().await.unwrap().to_vec()));
        }
    }
    let root = |digest: Digest| json!(digest.as_bytes());
    let script = format!(
        "const {{growth}} = await import('/static/growth.js'); const tiles = {}; \
         const fetchTile = async (path) => {{ if (!tiles[path]) throw new Error('no tile ' + path); \
             return Uint8Array.from(tiles[path]); }}; \
         return growth({{size: {}, root: Uint8Array.from({})}}, {{size: {large}, root: Uint8Array.from({})}}, \
             fetchTile);",
        Value::Object(tiles),
        small.0,
        root(small.1),
        root(domain::root(&served.leaves(0)[..large])),
    );
    run(browser, &script).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_grows_is_told_from_one_that_was_rewritten() {
    let app = spawn_app().await;
    let (_driver, browser) = open(&app).await;
    let served = PublishedPoll::of(1, (0..900).map(|voter| (voter, "a")));
    let leaves = served.leaves(0);
    for (small, large) in [(0, 200), (200, 200), (1, 300), (255, 256), (256, 300), (257, 900), (512, 900), (700, 900)] {
        let honest = growth(&browser, &served, (small, root(&leaves[..small])), large).await;
        assert_eq!(honest, "grows", "{small} of {large}");
        let lie = growth(&browser, &served, (small, Digest::of(b"another")), large).await;
        assert_eq!(lie, "contradiction", "{small} of {large}");
    }
    let script = "const {growth} = await import('/static/growth.js'); \
        return growth({size: 0, root: new Uint8Array(32)}, {size: 1, root: new Uint8Array(32)}, \
            async () => Uint8Array.from({length: 32}, () => 5));";
    assert_eq!(run(&browser, script).await, "other-tiles");
    let script = script.replace("length: 32", "length: 64");
    assert_eq!(run(&browser, &script).await, "Error: tile 0/000.p/1 has 64 bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_are_followed_and_what_is_wrong_with_them_is_found() {
    let app = spawn_app().await;
    let (_driver, browser) = open(&app).await;
    // `[mark, replaces, counts]`, with 0 for none: the voters, and the marks of which something does not hold.
    let cases = [
        (json!([]), json!([0, []])),
        (json!([[7, 0, true]]), json!([1, []])),
        (json!([[1, 2, true], [3, 0, false], [2, 3, false], [4, 0, true]]), json!([2, []])),
        (json!([[1, 0, true], [1, 0, true]]), json!([2, [1]])),
        (json!([[1, 9, true]]), json!([1, [1]])),
        (json!([[1, 3, true], [2, 3, true], [3, 0, false]]), json!([2, [2]])),
        (json!([[1, 2, true], [2, 0, true]]), json!([1, [2]])),
        (json!([[1, 0, false]]), json!([1, [1]])),
        (json!([[1, 2, false], [2, 1, false], [3, 0, true]]), json!([1, [1]])),
        (json!([[1, 1, false]]), json!([0, [1]])),
    ];
    for (ballots, expected) in cases {
        let script = format!(
            "const {{Chains}} = await import('/static/chains.js'); const chains = new Chains(); const found = []; \
             const of = (number) => new Uint8Array(16).fill(number); \
             for (const [mark, replaces, counts] of {ballots}) chains.add(of(mark), of(replaces), counts); \
             return [chains.check((mark) => found.push(parseInt(mark.slice(0, 2), 16))), found];"
        );
        assert_eq!(run(&browser, &script).await, expected, "{ballots}");
    }
    // More than there is room for at first, and no order: of three ballots each, one replaces another.
    let script = "const {Chains} = await import('/static/chains.js'); const chains = new Chains(); let found = 0; \
        const of = (number) => Uint8Array.from({length: 16}, (_, i) => i < 2 ? (number * 40503) >>> (8 * i) : 7); \
        for (let i = 1; i <= 6000; i++) chains.add(of(i), i % 3 ? new Uint8Array(16) : of(i - 1), i % 3 !== 2); \
        return [chains.check(() => { found += 1; }), found];";
    assert_eq!(run(&browser, script).await, json!([4000, 0]));
}
