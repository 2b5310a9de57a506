"""Request and response schemas with their Spanish messages, one file per noun. The OpenAPI document comes from them."""
