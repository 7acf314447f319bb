DROP TABLE service_safelist, service_senders, api_keys, services;
