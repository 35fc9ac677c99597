//! What is told of a server that does not answer with published ballots.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use scrutin_auditor::PublishedSource;

/// A server that gives these answers, one after the other, and the last one for ever; and how often it was asked.
fn server(answers: &[&str]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let page = format!("http://{}/p/tea", listener.local_addr().expect("an address"));
    let (answers, asked) = (answers.iter().map(|answer| (*answer).to_owned()).collect::<Vec<_>>(), Arc::default());
    let count: Arc<AtomicUsize> = Arc::clone(&asked);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let head = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            assert!(head.count() > 0, "it asks for something");
            let number = count.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1);
            let (head, body) = answers[number].split_once("\n\n").unwrap_or((&answers[number], ""));
            let head = head.replace('\n', "\r\n");
            let length = body.len();
            write!(stream, "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
                .expect("it listens");
        }
    });
    (page, asked)
}

/// What is told if nothing can be opened.
fn told(address: &str) -> Option<String> {
    PublishedSource::open(address).err().map(|error| error.to_string())
}

#[test]
fn what_a_server_says_of_ballots_that_it_does_not_have_is_told() {
    let problem = r#"{"code": "not-published", "detail": "The ballots of this poll are not published."}"#;
    let (page, _) = server(&[&format!("404 Not Found\n\n{problem}")]);
    let address = page.replace("/p/tea", "/api/polls/tea/published");
    assert_eq!(told(&page).unwrap(), format!("{address}: The ballots of this poll are not published (404)"));
    let (page, _) = server(&["404 Not Found\n\n<p>not here</p>"]);
    assert!(told(&page).unwrap().ends_with(": there is no such thing (404)"));
    let (page, _) = server(&["405 Method Not Allowed"]);
    assert!(told(&page).unwrap().ends_with("Is it an address of the result host?"));
    let (page, _) = server(&[&format!("500 Internal Server Error\n\n{problem}")]);
    assert!(
        told(&page)
            .unwrap()
            .ends_with("the server answers 500 Internal Server Error: The ballots of this poll are not published")
    );
}

#[test]
fn a_scheme_may_be_written_in_capitals() {
    let (page, asked) = server(&["404 Not Found"]);
    for address in [page.replace("http:", "HTTP:"), page.replace("http:", "Http:").replace("/p/tea", "/file")] {
        assert!(told(&address).unwrap().ends_with("(404)"), "{address}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[test]
fn a_server_that_is_busy_is_asked_again_when_it_says() {
    let busy = "503 Service Unavailable\nretry-after: 0\n\n{\"detail\": \"Too many at once.\"}";
    let (page, asked) = server(&[busy, busy, "200 OK\n\nballots"]);
    let (mut read, mut waits) = (String::new(), 0);
    let opened = PublishedSource::open_patiently(&page, |_| waits += 1);
    opened.ok().unwrap().reader.read_to_string(&mut read).unwrap();
    assert_eq!((read.as_str(), asked.load(Ordering::Relaxed), waits), ("ballots", 3, 2));
    let (page, asked) = server(&[busy]);
    let patiently = |page: &str| PublishedSource::open_patiently(page, |_| {}).err().unwrap().to_string();
    let failed = patiently(&page);
    assert!(failed.ends_with("503 Service Unavailable: Too many at once. Try again in 0 s or later"), "{failed}");
    assert_eq!(asked.load(Ordering::Relaxed), 6);
    assert!(told(&page).is_some());
    assert_eq!(asked.load(Ordering::Relaxed), 7, "who asks again by themselves asks once");
    for once in ["503 Service Unavailable", "503 Service Unavailable\nretry-after: 3600"] {
        let (page, asked) = server(&[once]);
        assert!(patiently(&page).contains("the server answers 503 Service Unavailable"));
        assert_eq!(asked.load(Ordering::Relaxed), 1, "nobody waits for an hour, or without knowing how long");
    }
}
