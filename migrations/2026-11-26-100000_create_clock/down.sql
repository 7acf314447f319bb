DROP FUNCTION carillon_now();
DROP TABLE clock_offset;
