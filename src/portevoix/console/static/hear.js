// Lets a text be heard without leaving the page: asks for the page that the button leads to, and takes from it the
// player, or what is wrong. Files are not sent along.

async function hear(form, button) {
  const fields = new FormData(form);
  form.querySelectorAll("input[type=file]").forEach((input) => fields.delete(input.name));
  button.disabled = true;
  try {
    const answer = await fetch(button.getAttribute("formaction"), { method: "POST", body: fields });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const draft = page.querySelector("[name=draft]");
    if (draft) {
      form.querySelector("[name=draft]").value = draft.value;
    }
    const place = form.querySelector("#hear");
    const heard = [...(page.querySelector("#hear")?.childNodes ?? [])];
    const faults = [...page.querySelectorAll(".of-text .fault, main [role=alert]")];
    place.replaceChildren(...(answer.ok ? heard : faults.slice(-1)).map((node) => document.adoptNode(node)));
    await place.querySelector("audio")?.play().catch(() => {}); // where it may not, the player is there to be pressed
  } catch {
    form.querySelector("#hear").textContent = form.querySelector("[data-lost]").dataset.lost;
  } finally {
    button.disabled = false;
  }
}

document.addEventListener("submit", (event) => {
  if (event.submitter?.matches("[data-hear]")) {
    event.preventDefault();
    hear(event.target, event.submitter);
  }
}, true);
