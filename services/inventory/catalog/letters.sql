-- The characters of a text and its pairs of neighbours, in lower case: a search for one or two characters finds them in an
-- index of these, where pg_trgm needs three. Who changes what it answers must build that index again.
CREATE OR REPLACE FUNCTION letters(given text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg(DISTINCT substr(lower(given), place, length))
    FROM generate_series(1, length(given)) place, generate_series(1, 2) length
$$;
