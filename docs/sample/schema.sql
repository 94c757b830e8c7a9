-- The sample database: the world's time zones, as the tz database tells them.
-- Times of day and offsets are seconds; clock says which clock they are on:
-- w the one on the wall, s standard time, u universal time.

CREATE TABLE country (
    code TEXT PRIMARY KEY CHECK (length(code) = 2), -- ISO 3166
    name TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE zone (
    name      TEXT PRIMARY KEY,
    latitude  REAL CHECK (latitude BETWEEN -90 AND 90),    -- degrees north
    longitude REAL CHECK (longitude BETWEEN -180 AND 180), -- degrees east
    comment   TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE zone_country (
    country TEXT NOT NULL REFERENCES country (code),
    zone    TEXT NOT NULL REFERENCES zone (name),
    PRIMARY KEY (country, zone)
) STRICT, WITHOUT ROWID;

CREATE TABLE rule_set (
    name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- When the clocks of a rule set change. The day of the month is `day` itself
-- if weekday is null, else the first such weekday (0 is Sunday) on or after
-- it, or the last one of the month if day is null.
CREATE TABLE rule (
    id        INTEGER PRIMARY KEY,
    rule_set  TEXT NOT NULL REFERENCES rule_set (name),
    year_from INTEGER NOT NULL,
    year_to   INTEGER CHECK (year_to >= year_from), -- null: for ever
    month     INTEGER NOT NULL CHECK (month BETWEEN 1 AND 12),
    day       INTEGER,
    weekday   INTEGER CHECK (weekday BETWEEN 0 AND 6),
    time      INTEGER NOT NULL, -- since midnight; may be 24 hours and more
    clock     TEXT NOT NULL CHECK (clock IN ('w', 's', 'u')),
    saved     INTEGER NOT NULL, -- from then on, added to standard time
    letter    TEXT NOT NULL,    -- put for %s in an era's format
    CHECK (day IS NOT NULL OR weekday IS NOT NULL)
) STRICT;

-- A zone's history: the eras in order, each until the next begins.
CREATE TABLE era (
    zone        TEXT NOT NULL REFERENCES zone (name),
    number      INTEGER NOT NULL,
    offset      INTEGER NOT NULL, -- of standard time, east of UTC
    rule_set    TEXT REFERENCES rule_set (name), -- null: saved is constant
    saved       INTEGER NOT NULL,
    format      TEXT NOT NULL, -- of the abbreviation
    until       TEXT, -- 'YYYY-MM-DD HH:MM:SS'; null: still so
    until_clock TEXT CHECK (until_clock IN ('w', 's', 'u')),
    PRIMARY KEY (zone, number),
    CHECK ((until IS NULL) = (until_clock IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE link (
    alias TEXT PRIMARY KEY,
    zone  TEXT NOT NULL REFERENCES zone (name)
) STRICT, WITHOUT ROWID;

CREATE INDEX zone_country_by_zone ON zone_country (zone);
CREATE INDEX rule_by_set ON rule (rule_set, year_from);
CREATE INDEX era_by_rule_set ON era (rule_set) WHERE rule_set IS NOT NULL;
CREATE INDEX link_by_zone ON link (zone);

-- Every change of every rule set, each year by its date; rules without an
-- end are followed to 2100.
CREATE VIEW change AS
WITH RECURSIVE yearly AS (
    SELECT id, year_from AS year FROM rule
    UNION ALL
    SELECT id, year + 1 FROM yearly JOIN rule USING (id)
     WHERE year < coalesce(year_to, 2100)
), dated AS (
    SELECT rule.*, year,
           CASE
           WHEN weekday IS NULL THEN printf('%d-%02d-%02d', year, month, day)
           WHEN day IS NULL THEN
               date(printf('%d-%02d-01', year, month),
                    '+1 month', '-7 days', 'weekday ' || weekday)
           ELSE date(printf('%d-%02d-01', year, month),
                     (day - 1) || ' days', 'weekday ' || weekday)
           END AS on_date
      FROM yearly JOIN rule USING (id)
)
SELECT rule_set, year, datetime(on_date, time || ' seconds') AS at, clock,
       coalesce(lag(saved) OVER story, 0) AS saved_before, saved, letter
  FROM dated
WINDOW story AS (PARTITION BY rule_set ORDER BY on_date, time);

-- What the clocks of each zone say now.
CREATE VIEW zone_now AS
WITH latest AS (
    SELECT era.zone, era.offset, era.format,
           coalesce(change.saved, era.saved) AS saved,
           coalesce(change.letter, '') AS letter,
           -- Of all rows in a group, SQLite shows the one that has the max().
           max(coalesce(change.at, '')) AS since
      FROM era
      LEFT JOIN change
        ON change.rule_set = era.rule_set
       AND datetime(change.at,
                    CASE change.clock WHEN 'u' THEN 0 ELSE -era.offset END
                        || ' seconds',
                    CASE change.clock WHEN 'w' THEN -change.saved_before
                                      ELSE 0 END || ' seconds')
           <= datetime('now')
     WHERE era.until IS NULL
     GROUP BY era.zone
)
SELECT zone, offset + saved AS offset, saved,
       CASE
       WHEN format LIKE '%/%' THEN
           CASE saved WHEN 0 THEN substr(format, 1, instr(format, '/') - 1)
                      ELSE substr(format, instr(format, '/') + 1) END
       WHEN format = '%z' THEN
           printf('%s%02d', iif(offset + saved < 0, '-', '+'),
                  abs(offset + saved) / 3600) ||
           CASE abs(offset + saved) % 3600 WHEN 0 THEN ''
                ELSE printf('%02d', abs(offset + saved) % 3600 / 60) END
       ELSE replace(format, '%s', letter)
       END AS abbreviation,
       datetime('now', (offset + saved) || ' seconds') AS local_time
  FROM latest;
