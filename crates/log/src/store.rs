//! The disk port.
/// Why the store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Reading or writing failed; a write may be persisted or not.
    #[error("expected the store to {action}, got: {reason}")]
    Failed {
        /// What was asked.
        action: &'static str,
        /// What the store said.
        reason: String,
    },
}
