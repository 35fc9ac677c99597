//! One client with more connections than the program may hold: everybody else is served all the same.

use std::{
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use testkit::{address, programs, wait};

/// Open files that the program may have, and connections that are made to each of its pages.
const FILES: u32 = 256;
const CONNECTIONS: usize = 300;

/// Killed when the test ends.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test]
async fn with_all_its_files_taken_by_one_client_every_port_answers() {
    let data = tempfile::tempdir().unwrap();
    let log = data.path().join("log");
    let addresses = [address::free(), address::free(), address::free()];
    let [vote, result, admin] = addresses;
    let program = Command::new("sh")
        .args(["-c", &format!("ulimit -n {FILES} && exec \"$0\""), programs::path("scrutin").to_str().unwrap()])
        .env_clear()
        .envs(
            [("VOTE_ADDR", vote), ("RESULT_ADDR", result), ("ADMIN_ADDR", admin)]
                .map(|(key, at)| (key, at.to_string())),
        )
        .env("DATA_DIR", data.path())
        .stdout(std::fs::File::create(&log).unwrap())
        .stderr(Stdio::null())
        .spawn();
    let _program = Started(program.unwrap());
    wait::until_true("the pages to be served", || async { answers(&addresses).await }).await;

    let connect = |at: SocketAddr| (0..CONNECTIONS).map(move |_| TcpStream::connect(at).unwrap());
    let idle: Vec<_> = connect(vote).chain(connect(result)).collect();
    for _ in 0..10 {
        assert!(answers(&addresses).await, "{} connections are idle", idle.len());
    }
    let said = std::fs::read_to_string(log).unwrap();
    assert_eq!(said.matches("connections.limited").count(), 1, "{said}");
    assert_eq!(said.matches("WARN").count(), 1, "no other warning: {said}");
}

/// Whether voting, results and `/readyz` answer, each in time.
async fn answers(addresses: &[SocketAddr; 3]) -> bool {
    for (at, path) in addresses.iter().zip(["/", "/", "/readyz"]) {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().expect("a client");
        let answer = client.get(format!("http://{at}{path}")).send().await;
        if !answer.is_ok_and(|answer| answer.status().is_success()) {
            return false;
        }
    }
    true
}
