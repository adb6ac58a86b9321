SELECT `card id` AS `key`, `event_ts` AS event_ts, `__created` AS created_ts,
  `__feature_0` AS `count_10m`,
  `__feature_1` AS `sum_10m`,
  `__feature_2` AS `mean_10m`,
  `__feature_3` AS `min_10m`,
  `__feature_4` AS `max_10m`,
  `__feature_5` AS `last_10m`,
  `__feature_6` AS `stddev_10m`,
  `__feature_7` AS `approx_distinct_10m`,
  `__feature_8` AS `sum_filtered`,
  `__feature_9` AS `last_filtered`
FROM (
SELECT e.*,
  max(e.`ingested_at`) OVER w1 AS `__created`,
  CAST(sum(CASE WHEN (((e.`channel` = 'it''s \ online') AND (NOT ((e.`amount` < (0 - 2.5)) OR (e.`card id` IS NULL)))) OR (e.`amount` BETWEEN 1 AND (2 * 4))) THEN e.`amount` END) OVER w1 AS DOUBLE) AS `__feature_8`
FROM (
SELECT e.*,
  CAST(count(e.`event_ts`) OVER w0 AS DOUBLE) AS `__feature_0`,
  CAST(sum(e.`amount`) OVER w0 AS DOUBLE) AS `__feature_1`,
  CAST(avg(CAST(e.`amount` AS DOUBLE)) OVER w0 AS DOUBLE) AS `__feature_2`,
  CAST(min(e.`amount`) OVER w0 AS DOUBLE) AS `__feature_3`,
  CAST(max(e.`amount`) OVER w0 AS DOUBLE) AS `__feature_4`,
  CAST(LAST_VALUE(e.`amount`) OVER w0 AS DOUBLE) AS `__feature_5`,
  CAST(stddev_samp(CAST(e.`amount` AS DOUBLE)) OVER w0 AS DOUBLE) AS `__feature_6`,
  CAST(count(DISTINCT e.`amount`) OVER w0 AS DOUBLE) AS `__feature_7`,
  CAST(LAST_VALUE(CASE WHEN (e.`channel` <> 'x') THEN e.`amount` END) OVER w0 AS DOUBLE) AS `__feature_9`
FROM (SELECT * FROM events WHERE `card id` IS NOT NULL) e
WINDOW w0 AS (PARTITION BY `card id` ORDER BY `event_ts` RANGE BETWEEN INTERVAL '0 00:09:59.999' DAY(2) TO SECOND(3) PRECEDING AND CURRENT ROW)) e
WINDOW w1 AS (PARTITION BY `card id` ORDER BY `event_ts` RANGE BETWEEN INTERVAL '119 23:59:59.999' DAY(3) TO SECOND(3) PRECEDING AND CURRENT ROW)) e
