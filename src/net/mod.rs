//! stand-in until the room is built
mod io_loop;
pub(crate) use io_loop::*;
