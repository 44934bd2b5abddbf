//! What is damaged, hostile or in the way costs files at most, never their content.

mod attacks;
mod matrix;
mod policies;
mod scene;
mod sources;
mod table;
