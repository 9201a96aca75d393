#![doc = include_str!("../../docs/testing-your-program.md")]
