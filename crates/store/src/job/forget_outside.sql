DELETE FROM job_payloads_outside WHERE job_id = $1
