//! A macro for the `with_*` methods of non-exhaustive types. With these methods, a type can get new
//! fields without a breaking change.

/// Defines methods that each set one field of `$type` and return the changed value.
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
