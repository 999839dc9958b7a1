"""Who may act, and what can be stocked where. Expands."""

from alembic import op

revision = "20261124_1"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE accounts (
          account_id     uuid PRIMARY KEY,
          email          text NOT NULL CONSTRAINT an_email_has_one_account UNIQUE
                         CONSTRAINT an_email_is_lower_case CHECK (length(email) BETWEEN 3 AND 254 AND email = lower(email)),
          full_name      text NOT NULL,
          role           text NOT NULL CONSTRAINT a_role_is_known CHECK (role IN ('customer', 'staff', 'admin')),
          password_hash  text NOT NULL,
          is_disabled    boolean NOT NULL DEFAULT false,
          created_at     timestamptz NOT NULL DEFAULT clock_timestamp()
        )
        """
    )
    op.execute(
        """
        CREATE TABLE products (
          product_id   uuid PRIMARY KEY,
          sku          text NOT NULL CONSTRAINT a_sku_names_one_product UNIQUE
                       CONSTRAINT a_sku_has_1_to_200_characters CHECK (length(sku) BETWEEN 1 AND 200),
          name         text NOT NULL,
          description  text,
          category     text,
          attributes   jsonb NOT NULL DEFAULT '{}',
          price_minor  bigint CONSTRAINT a_price_is_not_negative CHECK (price_minor >= 0),
          currency     text,
          status       text NOT NULL DEFAULT 'active' CONSTRAINT a_product_status_is_known CHECK (status IN ('active', 'archived')),
          created_at   timestamptz NOT NULL DEFAULT now(),
          updated_at   timestamptz NOT NULL DEFAULT now(),
          version      int NOT NULL DEFAULT 1,
          CONSTRAINT a_price_has_a_currency CHECK ((price_minor IS NULL) = (currency IS NULL))
        )
        """
    )
    op.execute(
        """
        CREATE TABLE warehouses (
          warehouse_id  uuid PRIMARY KEY,
          code          text NOT NULL CONSTRAINT a_code_names_one_warehouse UNIQUE
                        CONSTRAINT a_code_has_1_to_200_characters CHECK (length(code) BETWEEN 1 AND 200),
          name          text NOT NULL,
          priority      int NOT NULL CONSTRAINT a_priority_is_not_negative CHECK (priority >= 0),
          status        text NOT NULL DEFAULT 'active' CONSTRAINT a_warehouse_status_is_known CHECK (status IN ('active', 'archived')),
          created_at    timestamptz NOT NULL DEFAULT now(),
          updated_at    timestamptz NOT NULL DEFAULT now(),
          version       int NOT NULL DEFAULT 1
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE warehouses")
    op.execute("DROP TABLE products")
    op.execute("DROP TABLE accounts")
