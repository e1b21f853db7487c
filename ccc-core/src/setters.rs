//! The `with_*` methods of non-exhaustive settings types, which can gain fields later.

/// Defines methods that each set one field and return the value.
macro_rules! setters {
    ($type:ty { $($(#[$doc:meta])+ $name:ident: $field:ident: $value:ty,)+ }) => {
        impl $type {
            $(
                $(#[$doc])+
                #[must_use]
                pub fn $name(mut self, $field: $value) -> Self {
                    self.$field = $field.into();
                    self
                }
            )+
        }
    };
}

pub(crate) use setters;
