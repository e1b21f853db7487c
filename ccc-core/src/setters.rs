//! The `with_*` methods of settings that may gain fields.

/// Defines methods that set one field each and return the value.
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
