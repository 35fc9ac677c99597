-- Sessions of the organiser that were ended before their time, until that time (milliseconds since 1970).
CREATE TABLE ended_sessions (
  session BLOB PRIMARY KEY,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
