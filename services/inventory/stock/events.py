"""What stock tells the rest of the world. The trigger in low_stock.sql writes these."""

LOW = "stock.low"
OUT = "stock.out"
