const http = require("http");
const [baseUrl, key] = process.argv.slice(2);

http.get(`${baseUrl}/v1/me/${key}`, (response) => {
  let body = "";
  response.on("data", (chunk) => { body += chunk; });
  response.on("end", () => {
    const me = JSON.parse(body);
    if (me.success) console.log(me.credit, me.currency);
  });
});
