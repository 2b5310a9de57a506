// Shows openapi.json, wherever a proxy has put it. The token typed under «Authorize» is forgotten with the page.
"use strict";

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  requestSnippetsEnabled: true,
  validatorUrl: null, // otherwise the document would be sent to a validator on the internet
});
