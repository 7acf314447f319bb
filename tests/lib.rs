//! Nothing here: the stories live in `stories/`, the checks of the source tree in `tidy.rs`.
