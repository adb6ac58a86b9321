SELECT "card id" AS "key", "event_ts" AS event_ts, max(e."ingested_at") OVER w1 AS created_ts,
  CAST(count(e."event_ts") OVER w0 AS DOUBLE) AS "count_10m",
  CAST(sum(e."amount") OVER w0 AS DOUBLE) AS "sum_10m",
  CAST(avg(CAST(e."amount" AS DOUBLE)) OVER w0 AS DOUBLE) AS "mean_10m",
  CAST(min(e."amount") OVER w0 AS DOUBLE) AS "min_10m",
  CAST(max(e."amount") OVER w0 AS DOUBLE) AS "max_10m",
  CAST(arg_max(e."amount", (e."event_ts", e."ingested_at")) OVER w0 AS DOUBLE) AS "last_10m",
  CAST(stddev_samp(CAST(e."amount" AS DOUBLE)) OVER w0 AS DOUBLE) AS "stddev_10m",
  CAST(count(DISTINCT e."amount") OVER w0 AS DOUBLE) AS "approx_distinct_10m",
  CAST(sum(CASE WHEN (((e."channel" = 'it''s \ online') AND (NOT ((e."amount" < (0 - 2.5)) OR (e."card id" IS NULL)))) OR (e."amount" BETWEEN 1 AND (2 * 4))) THEN e."amount" END) OVER w1 AS DOUBLE) AS "sum_filtered",
  CAST(arg_max(CASE WHEN (e."channel" <> 'x') THEN e."amount" END, (e."event_ts", e."ingested_at")) OVER w0 AS DOUBLE) AS "last_filtered"
FROM events e WHERE "card id" IS NOT NULL
WINDOW w0 AS (PARTITION BY "card id" ORDER BY "event_ts" RANGE BETWEEN INTERVAL 599999999 MICROSECONDS PRECEDING AND CURRENT ROW),
  w1 AS (PARTITION BY "card id" ORDER BY "event_ts" RANGE BETWEEN INTERVAL 10367999999999 MICROSECONDS PRECEDING AND CURRENT ROW)
