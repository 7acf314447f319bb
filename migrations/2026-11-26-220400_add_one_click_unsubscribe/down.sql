ALTER TABLE services DROP COLUMN one_click_unsubscribe;
