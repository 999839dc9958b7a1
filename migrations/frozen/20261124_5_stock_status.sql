-- Whether a level is out (nothing can be reserved), low (no more than its low_stock_at, unless that is 0), or neither.
CREATE FUNCTION stock_status(level stock_levels) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN level.on_hand + level.backorder_limit - level.safety_stock - level.held - level.allocated <= 0 THEN 'out'
              WHEN level.on_hand + level.backorder_limit - level.safety_stock - level.held - level.allocated <= level.low_stock_at THEN 'low'
         END
$$;
