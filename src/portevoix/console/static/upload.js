// Shows how far an upload is: a form marked data-upload that bears a file is sent from here, and what comes back takes
// the page's place, as if the browser had sent it. Without this script it does.

const filled = (form) => [...form.querySelectorAll("input[type=file]")].some((input) => input.files.length);

function send(form, submitter) {
  const place = form.querySelector("[data-progress]");
  const [bar, said] = [place.querySelector("progress"), place.querySelector("[data-said]")];
  const buttons = [...form.querySelectorAll("button")];
  const request = new XMLHttpRequest();
  const end = (text) => {
    said.textContent = text;
    buttons.forEach((button) => { button.disabled = false; });
  };
  request.open("POST", submitter?.getAttribute("formaction") ?? form.getAttribute("action"));
  request.setRequestHeader("x-by-script", "1");
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.value = total ? Math.round((100 * loaded) / total) : 0;
    said.textContent = `${bar.value} %`;
  });
  request.addEventListener("error", () => end(said.dataset.lost));
  request.addEventListener("load", () => {
    const main = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("main");
    if (request.status < 400) {
      location.assign(request.getResponseHeader("location"));
    } else if (main) {
      document.querySelector("main").replaceWith(document.adoptNode(main));
      document.querySelector("main").focus();
      window.scrollTo(0, 0);
      document.dispatchEvent(new Event("shown"));
    } else {
      end(said.dataset.lost);
    }
  });
  request.send(new FormData(form));
  buttons.forEach((button) => { button.disabled = true; });
  place.hidden = false;
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!event.defaultPrevented && form.matches("[data-upload]") && filled(form)) {
    event.preventDefault();
    send(form, event.submitter);
  }
});
