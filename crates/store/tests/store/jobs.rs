//! Jobs: many notifications of one request, saved chunk by chunk by any number of workers.

mod changing;
mod checking;
mod claiming;
mod creating;
mod given;
mod interleaving;
mod moving;
mod once;
mod passes;
mod reading;
mod retention;
mod saving;
mod standing_still;
