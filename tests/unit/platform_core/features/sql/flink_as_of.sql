SELECT p.point_key AS `key`, p.point_ts AS event_ts,
  CAST(count(CASE WHEN e.`event_ts` > p.point_ts - INTERVAL '0 00:10:00.000' DAY(2) TO SECOND(3) THEN e.`event_ts` END) AS DOUBLE) AS `count_10m`,
  CAST(sum(CASE WHEN e.`event_ts` > p.point_ts - INTERVAL '0 00:10:00.000' DAY(2) TO SECOND(3) THEN e.`amount` END) AS DOUBLE) AS `sum_10m`,
  CAST(avg(CAST(CASE WHEN e.`event_ts` > p.point_ts - INTERVAL '0 00:10:00.000' DAY(2) TO SECOND(3) THEN e.`amount` END AS DOUBLE)) AS DOUBLE) AS `mean_10m`,
  CAST(min(CASE WHEN e.`event_ts` > p.point_ts - INTERVAL '0 00:10:00.000' DAY(2) TO SECOND(3) THEN e.`amount` END) AS DOUBLE) AS `min_10m`,
  CAST(max(CASE WHEN e.`event_ts` > p.point_ts - INTERVAL '0 00:10:00.000' DAY(2) TO SECOND(3) THEN e.`amount` END) AS DOUBLE) AS `max_10m`,
  CAST(LAST_VALUE(CASE WHEN e.`event_ts` > p.point_ts - INTERVAL '0 00:10:00.000' DAY(2) TO SECOND(3) THEN e.`amount` END) AS DOUBLE) AS `last_10m`,
  CAST(stddev_samp(CAST(CASE WHEN e.`event_ts` > p.point_ts - INTERVAL '0 00:10:00.000' DAY(2) TO SECOND(3) THEN e.`amount` END AS DOUBLE)) AS DOUBLE) AS `stddev_10m`,
  CAST(count(DISTINCT CASE WHEN e.`event_ts` > p.point_ts - INTERVAL '0 00:10:00.000' DAY(2) TO SECOND(3) THEN e.`amount` END) AS DOUBLE) AS `approx_distinct_10m`,
  CAST(sum(CASE WHEN e.`event_ts` > p.point_ts - INTERVAL '120 00:00:00.000' DAY(3) TO SECOND(3) AND (((e.`channel` = 'it''s \ online') AND (NOT ((e.`amount` < (0 - 2.5)) OR (e.`card id` IS NULL)))) OR (e.`amount` BETWEEN 1 AND (2 * 4))) THEN e.`amount` END) AS DOUBLE) AS `sum_filtered`,
  CAST(LAST_VALUE(CASE WHEN e.`event_ts` > p.point_ts - INTERVAL '0 00:10:00.000' DAY(2) TO SECOND(3) AND (e.`channel` <> 'x') THEN e.`amount` END) AS DOUBLE) AS `last_filtered`
FROM (SELECT DISTINCT point_key, point_ts FROM points) p
LEFT JOIN events e ON e.`card id` = p.point_key
  AND e.`event_ts` <= p.point_ts AND e.`event_ts` > p.point_ts - INTERVAL '120 00:00:00.000' DAY(3) TO SECOND(3)
GROUP BY p.point_key, p.point_ts
