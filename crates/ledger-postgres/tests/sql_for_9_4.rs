//! PostgreSQL 9.4 is the oldest release that must do, and no test server is that old. So all SQL that this crate
//! holds is read for what came later.

use std::{fs, path::Path};

/// What 9.4 does not understand, and the release that brought it; in upper case, with single blanks. A blank at
/// the edge stands for the edge of a word.
const LATER: &[(&str, &str)] = &[
    // 9.5
    (" ON CONFLICT ", "9.5"),
    (" SKIP LOCKED ", "9.5"),
    ("INDEX IF NOT EXISTS ", "9.5"),
    ("INDEX CONCURRENTLY IF NOT EXISTS ", "9.5"),
    (" SEQUENCE IF NOT EXISTS ", "9.5"),
    (" MATERIALIZED VIEW IF NOT EXISTS ", "9.5"),
    (" GROUPING SETS ", "9.5"),
    (" CUBE ", "9.5"),
    (" ROLLUP ", "9.5"),
    (" TABLESAMPLE ", "9.5"),
    (" USING BRIN ", "9.5"),
    (" IMPORT FOREIGN SCHEMA ", "9.5"),
    (" ROW LEVEL SECURITY ", "9.5"),
    (" CREATE POLICY ", "9.5"),
    (" SET LOGGED ", "9.5"),
    (" SET UNLOGGED ", "9.5"),
    (" ARRAY_POSITION", "9.5"),
    (" JSONB_SET ", "9.5"),
    (" JSONB_PRETTY ", "9.5"),
    (" JSONB_STRIP_NULLS ", "9.5"),
    (" JSON_STRIP_NULLS ", "9.5"),
    (" JSONB_BUILD_", "9.5"),
    (" JSONB_AGG ", "9.5"),
    (" JSONB_OBJECT_AGG ", "9.5"),
    (" JSONB_OBJECT ", "9.5"),
    (" TO_JSONB ", "9.5"),
    (" REGNAMESPACE ", "9.5"),
    (" REGROLE ", "9.5"),
    // 9.6
    (" PG_INDEX_COLUMN_HAS_PROPERTY ", "9.6"),
    (" COLUMN IF NOT EXISTS ", "9.6"),
    (" ADD IF NOT EXISTS ", "9.6"),
    (" PARALLEL SAFE ", "9.6"),
    (" PARALLEL UNSAFE ", "9.6"),
    (" PARALLEL RESTRICTED ", "9.6"),
    (" NUM_NULLS ", "9.6"),
    (" NUM_NONNULLS ", "9.6"),
    (" PG_BLOCKING_PIDS ", "9.6"),
    (" PG_SIZE_BYTES ", "9.6"),
    (" PARSE_IDENT ", "9.6"),
    (" JSONB_INSERT ", "9.6"),
    (" SET IDLE_IN_TRANSACTION_SESSION_TIMEOUT ", "9.6"),
    (" WAIT_EVENT", "9.6"),
    // 10
    (" AS IDENTITY ", "10"),
    (" PARTITION BY RANGE ", "10"),
    (" PARTITION BY LIST ", "10"),
    (" PARTITION OF ", "10"),
    (" CREATE STATISTICS ", "10"),
    (" CREATE PUBLICATION ", "10"),
    (" REFERENCING NEW TABLE ", "10"),
    (" REFERENCING OLD TABLE ", "10"),
    (" OVERRIDING ", "10"),
    (" REGEXP_MATCH ", "10"),
    (" XMLTABLE ", "10"),
    (" PG_CURRENT_WAL", "10"),
    (" BACKEND_TYPE ", "10"),
    // 11
    (" PROCEDURE ", "11"),
    (" CALL ", "11"),
    (" PARTITION BY HASH ", "11"),
    (" INCLUDE ( ", "11"),
    (" WEBSEARCH_TO_TSQUERY ", "11"),
    (" SHA256 ", "11"),
    (" SHA512 ", "11"),
    (" STARTS_WITH ", "11"),
    (" EXCLUDE CURRENT ROW ", "11"),
    (" GROUPS BETWEEN ", "11"),
    (" SET JIT ", "11"),
    // 12
    (" GENERATED ALWAYS AS ", "12"),
    (" AS MATERIALIZED ", "12"),
    (" AS NOT MATERIALIZED ", "12"),
    (" AND CHAIN ", "12"),
    (" REINDEX CONCURRENTLY ", "12"),
    (" JSONB_PATH_", "12"),
    (" JSONPATH ", "12"),
    (" NONDETERMINISTIC ", "12"),
    (" SET TCP_USER_TIMEOUT ", "12"),
    // 13 and later
    (" GEN_RANDOM_UUID ", "13"),
    (" WITH TIES ", "13"),
    (" WITH ( FORCE ) ", "13"),
    (" DROP EXPRESSION ", "13"),
    (" VACUUM ( PARALLEL", "13"),
    (" DATE_BIN ", "14"),
    (" BIT_COUNT ", "14"),
    (" STRING_TO_TABLE ", "14"),
    (" MULTIRANGE ", "14"),
    (" SEARCH DEPTH FIRST ", "14"),
    (" SEARCH BREADTH FIRST ", "14"),
    (" CYCLE ", "14"),
    (" COMPRESSION ", "14"),
    (" TRIM_ARRAY ", "14"),
    (" MERGE INTO ", "15"),
    (" NULLS NOT DISTINCT ", "15"),
    (" REGEXP_COUNT ", "15"),
    (" REGEXP_LIKE ", "15"),
    (" REGEXP_SUBSTR ", "15"),
    (" SECURITY_INVOKER ", "15"),
    (" ANY_VALUE ", "16"),
    (" IS JSON ", "16"),
    (" JSON_ARRAYAGG ", "16"),
    (" JSON_OBJECTAGG ", "16"),
    (" ARRAY_SHUFFLE ", "16"),
    (" ARRAY_SAMPLE ", "16"),
    (" JSON_TABLE ", "17"),
    (" JSON_VALUE ", "17"),
    (" JSON_QUERY ", "17"),
    (" JSON_EXISTS ", "17"),
    (" TO_BIN ", "17"),
    (" UUIDV7 ", "18"),
    (" UUIDV4 ", "18"),
    (" VIRTUAL ", "18"),
    (" NOT ENFORCED ", "18"),
    (" WITHOUT OVERLAPS ", "18"),
];

/// What of this text 9.4 would not understand.
fn later_than_9_4(sql: &str) -> Vec<(&'static str, &'static str)> {
    let sql = words(sql);
    LATER.iter().copied().filter(|(words, _)| sql.contains(words)).collect()
}

/// Upper case, single blanks, no comments, and a blank around every parenthesis, comma and semicolon, so that names
/// stand alone.
fn words(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.trim_start();
        let comment = line.starts_with("//") || line.starts_with("--");
        if comment { "" } else { line.split("-- ").next().unwrap_or_default() }
    });
    let text = lines.collect::<Vec<_>>().join(" ").to_uppercase();
    let spaced = text.replace('(', " ( ").replace(')', " ) ").replace(['"', ';', ','], " ");
    format!(" {} ", spaced.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Adds the files below a directory: path and text.
fn read(directory: &Path, extension: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).expect("the directory is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(&path, extension, files);
        } else if path.extension().is_some_and(|found| found == extension) {
            let text = fs::read_to_string(&path).expect("text");
            files.push((path.display().to_string(), text));
        }
    }
}

#[test]
fn no_sql_needs_more_than_postgresql_9_4() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    read(&root.join("src"), "rs", &mut files);
    read(&root.join("migrations"), "sql", &mut files);
    assert!(files.iter().any(|(path, text)| path.contains("migrations") && text.contains("CREATE TABLE ballots")));
    assert!(files.iter().any(|(path, text)| path.contains("src") && text.contains("INSERT INTO ballots")));

    for (path, text) in files {
        assert_eq!(later_than_9_4(&text), Vec::new(), "{path}");
    }
}

#[test]
fn the_list_finds_what_is_later_and_lets_pass_what_is_not() {
    for later in [
        "INSERT INTO t VALUES (1) on conflict\n  do nothing",
        "CREATE INDEX IF NOT EXISTS i ON t (a)",
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
        "ALTER TABLE t ADD COLUMN IF NOT EXISTS a int",
        "SELECT 1 FROM t FOR UPDATE SKIP LOCKED",
        "CREATE TABLE t (id uuid DEFAULT gen_random_uuid())",
        "CREATE TABLE t (id int GENERATED BY DEFAULT AS IDENTITY)",
        "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a) STORED)",
        "CREATE UNIQUE INDEX i ON t (a) INCLUDE (b)",
        "UPDATE t SET a = jsonb_set(a, '{b}', '1')",
        "SELECT jsonb_build_object('a', 1)",
        "WITH a AS MATERIALIZED (SELECT 1) SELECT * FROM a",
        "DROP DATABASE d WITH (FORCE)",
        "SELECT array_position(a, 1) FROM t",
        "CREATE PROCEDURE p() LANGUAGE sql AS ''",
        "SET idle_in_transaction_session_timeout TO 1",
        "SELECT a FROM t ORDER BY a FETCH FIRST 1 ROW WITH TIES",
    ] {
        assert_ne!(later_than_9_4(later), Vec::new(), "{later}");
    }
    for known in [
        "CREATE TABLE IF NOT EXISTS t (id serial PRIMARY KEY)",
        "SELECT count(*) FILTER (WHERE a > 0) FROM unnest($1::int[], $2::int[]) WITH ORDINALITY AS u (a, b, n)",
        "SELECT lead(a) OVER (PARTITION BY b, c ORDER BY a) FROM t",
        "-- ON CONFLICT is in 9.5",
        "// SKIP LOCKED is in 9.5",
    ] {
        assert_eq!(later_than_9_4(known), Vec::new(), "{known}");
    }
}
