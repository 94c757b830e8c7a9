-- Ten questions to the sample database; README.md explains them.
--     sqlite3 -box sample.db < queries.sql

-- 1. Which country is NP?
SELECT name FROM country WHERE code = 'NP';

-- 2. Which zones does Spain keep, and where are they?
SELECT zone.name, latitude, longitude, comment
  FROM zone_country
  JOIN zone ON zone.name = zone_country.zone
 WHERE zone_country.country = 'ES'
 ORDER BY longitude DESC;

-- 3. Which countries have more than ten zones?
SELECT country.name, count(*) AS zones
  FROM country
  JOIN zone_country ON zone_country.country = country.code
 GROUP BY country.code
HAVING zones > 10
 ORDER BY zones DESC, country.name;

-- 4. Which countries have no zone at all?
SELECT country.code, country.name
  FROM country
  LEFT JOIN zone_country ON zone_country.country = country.code
 WHERE zone_country.zone IS NULL;

-- 5. Whose standard time is not a whole number of hours from UTC?
SELECT offset / 3600.0 AS hours, group_concat(zone, ', ') AS zones
  FROM (SELECT offset, zone FROM era WHERE until IS NULL ORDER BY zone)
 WHERE offset % 3600 <> 0
 GROUP BY offset
 ORDER BY hours;

-- 6. Which zones of Africa on the map have never saved daylight?
SELECT zone.name
  FROM zone
 WHERE zone.name LIKE 'Africa/%' AND latitude IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM era
                    WHERE era.zone = zone.name
                      AND (rule_set IS NOT NULL OR saved <> 0));

-- 7. What was standard time in Lisbon, from when to when?
SELECT number, lag(until) OVER (ORDER BY number) AS since, until,
       printf('%+.2f', offset / 3600.0) AS hours, format
  FROM era
 WHERE zone = 'Europe/Lisbon'
 ORDER BY number;

-- 8. When do the clocks change in the countries of the European Union
--    (rule set E) until 2030?
WITH RECURSIVE year(number) AS (
    SELECT 2026 UNION ALL SELECT number + 1 FROM year WHERE number < 2030
)
SELECT year.number AS year,
       date(printf('%d-%02d-01', year.number, month),
            '+1 month', '-7 days', 'weekday ' || weekday) AS day,
       time(rule.time, 'unixepoch') AS utc, saved / 3600 AS hours_saved
  FROM year
  JOIN rule ON year.number BETWEEN year_from AND coalesce(year_to, 9999)
 WHERE rule_set = 'E' AND day IS NULL
 ORDER BY 1, 2;

-- 9. Where is noon by the clock furthest from noon by the sun?
WITH solar AS (
    SELECT zone.name, era.offset / 60.0 - zone.longitude * 4 AS minutes
      FROM zone
      JOIN era ON era.zone = zone.name AND era.until IS NULL
     WHERE zone.latitude BETWEEN -66 AND 66 -- nearer the poles it means little
), wrapped AS ( -- across the date line: the same noon, another day
    SELECT name, round(minutes - 1440 * round(minutes / 1440)) AS late
      FROM solar
)
SELECT rank() OVER (ORDER BY abs(late) DESC) AS place, name,
       late AS minutes_late
  FROM wrapped
 ORDER BY place, name
 LIMIT 8;

-- 10. How does SQLite find the answer: by an index, or by reading all?
EXPLAIN QUERY PLAN
SELECT * FROM era WHERE zone = 'Europe/Paris' AND number = 3;
EXPLAIN QUERY PLAN
SELECT * FROM era WHERE offset = 3600;
