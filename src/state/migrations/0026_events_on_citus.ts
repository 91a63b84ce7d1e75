/** A cluster of Citus plans no function in SQL that looks into its tables and is given anything: in PL/pgSQL it does. */
export const sql = `
CREATE OR REPLACE FUNCTION backhaul.events_of(series_id int)
  RETURNS TABLE (kind text, day date, ratio float8, amount float8, is_adjusted boolean) LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY SELECT DISTINCT ON (o.kind, o.day) o.kind::text, o.day, o.ratio, o.amount, o.is_adjusted
    FROM backhaul.series s CROSS JOIN LATERAL backhaul.names_of(s.venue, s.symbol) n
    JOIN backhaul.event o ON o.venue = s.venue AND o.symbol = n.name AND o.day < n.until AND o.kind <> 'rename'
    WHERE s.series_id = $1 ORDER BY o.kind, o.day, n.until DESC;
END $$;
`;
