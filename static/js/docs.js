// The API's documentation, drawn by Swagger UI from /openapi.json.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null, // else a badge is requested from a third party's server
});
