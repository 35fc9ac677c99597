//! A Redis that answers and refuses: it did nothing, and the answer says so for certain.

use std::{collections::HashMap, fs};

use domain::PollChange;

use super::*;

/// The words of a server that loads.
const LOADING: &str = "loading the dataset";
/// Commands that a server loads from its file before it takes calls again.
const MANY: u32 = 20_000;

/// What a refused call said of the server's own words.
fn refused<T: std::fmt::Debug>(answer: Result<T, Unavailable>, code: &str) -> bool {
    match answer {
        Ok(_) => false,
        Err(error) => {
            assert!(error.nothing_happened(), "{error:?}");
            error.to_string().contains(code)
        }
    }
}

async fn background_save_failed(scene: &Scene) -> bool {
    let info = scene.raw(&["INFO", "persistence"]).await;
    redis::from_redis_value::<String>(info).unwrap().contains("rdb_last_bgsave_status:err")
}

#[tokio::test]
async fn a_redis_whose_save_failed_takes_nothing_for_certain() {
    let mut scene = Scene::begun().await;
    let last = recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);
    let directory = redis::from_redis_value::<HashMap<String, String>>(scene.raw(&["CONFIG", "GET", "dir"]).await);
    // No file can be put in the place of a directory.
    fs::create_dir(format!("{}/dump.rdb", directory.unwrap()["dir"])).unwrap();
    scene.raw(&["CONFIG", "SET", "save", "3600 1"]).await;
    scene.raw(&["BGSAVE"]).await;
    eventually(|| async { if background_save_failed(&scene).await { Ok(()) } else { Err("not yet") } }).await;

    let cast = scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await;
    assert!(refused(cast.clone(), "MISCONF"), "{cast:?}");
    let closed = scene.ballots.change(id("main"), PollChange::Close).await;
    assert!(refused(closed.clone(), "MISCONF"), "{closed:?}");
    let raised = scene.log.raise(position(Position::MAX_MILLIS / 2, 0)).await;
    assert!(refused(raised.clone(), "MISCONF"), "{raised:?}");
    assert_eq!(scene.look().await.last, Some(last), "nothing was done");

    scene.raw(&["CONFIG", "SET", "save", ""]).await;
    recorded(scene.ballots.cast(ballot("main", 2, "a"), FIRST_REVISION).await);
    assert_eq!(scene.ballots_in_log().await.len(), 2);
}

#[tokio::test]
async fn a_redis_that_loads_its_file_takes_nothing_for_certain() {
    let redis = RedisServer::start_with(&["--enable-debug-command", "yes"]).await;
    let (log, ballots) = (log_on(&redis), ballot_box_on(&redis));
    let mut scene = Scene { redis, log, ballots };
    attach(&mut scene.log, seed(Position::ZERO, vec![poll("main")])).await;
    let mut commands = redis::pipe();
    for number in 0..MANY {
        commands.set(format!("other:{number}"), number).ignore();
    }
    commands.exec_async(&mut scene.redis.connection().await).await.unwrap();
    recorded(scene.ballots.cast(ballot("main", 1, "a"), FIRST_REVISION).await);

    // It answers between some of the commands that it loads, and takes longer for each than it need.
    scene.raw(&["CONFIG", "SET", "key-load-delay", "50"]).await;
    let mut connection = scene.redis.connection().await;
    let load = tokio::spawn(async move { redis::cmd("DEBUG").arg("LOADAOF").exec_async(&mut connection).await });
    let mut casts = 0;
    eventually(|| {
        casts += 1;
        let cast = scene.ballots.cast(ballot("main", 1 + casts, "a"), FIRST_REVISION);
        async {
            let cast = cast.await;
            if refused(cast.clone(), LOADING) { Ok(()) } else { Err(cast) }
        }
    })
    .await;
    let polls = scene.log.polls().await;
    assert!(refused(polls.clone(), LOADING), "{polls:?}");
    load.await.unwrap().unwrap();
    eventually(|| scene.ballots.cast(ballot("main", 0, "a"), FIRST_REVISION)).await;
    let accepted = scene.ballots.accepted(id("main")).await.unwrap();
    assert_eq!(accepted, scene.ballots_in_log().await.len() as u64);
}
