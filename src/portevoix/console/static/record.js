// Records with the microphone, where the browser can: what was recorded becomes the chosen file of the form, and is
// uploaded with it as any other.

const KINDS = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];
const ENDINGS = { "audio/webm": "webm", "audio/ogg": "ogg", "audio/mp4": "m4a" };

const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia && window.MediaRecorder && window.DataTransfer);

const two = (number) => String(number).padStart(2, "0");

function nameNow() {
  const now = new Date();
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join("-");
  return `${day} ${two(now.getHours())}.${two(now.getMinutes())}.${two(now.getSeconds())}`;
}

function choose(form, blob) {
  const kind = blob.type.split(";")[0];
  const chosen = new DataTransfer();
  chosen.items.add(new File([blob], `${nameNow()}.${ENDINGS[kind] ?? "webm"}`, { type: kind }));
  form.querySelector("[data-sound]").files = chosen.files;
}

async function record(place) {
  const [begin, stop, said, heard] = ["record", "stop", "said", "heard"].map((name) => place.querySelector(`[data-${name}]`));
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch {
    said.textContent = said.dataset.refused;
    return;
  }
  const recorder = new MediaRecorder(stream, { mimeType: KINDS.find((kind) => MediaRecorder.isTypeSupported(kind)) });
  const parts = [];
  recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
  recorder.addEventListener("stop", () => {
    stream.getTracks().forEach((track) => track.stop());
    const blob = new Blob(parts, { type: recorder.mimeType });
    choose(place.closest("form"), blob);
    URL.revokeObjectURL(heard.src);
    heard.src = URL.createObjectURL(blob);
    heard.hidden = false;
    stop.hidden = true;
    begin.hidden = false;
    begin.focus();
    said.textContent = said.dataset.done;
  });
  stop.addEventListener("click", () => recorder.stop(), { once: true });
  begin.hidden = true;
  stop.hidden = false;
  stop.focus();
  said.textContent = said.dataset.recording;
  recorder.start();
}

function show() {
  if (canRecord()) {
    document.querySelectorAll("[data-recorder]").forEach((place) => { place.hidden = false; });
  }
}

document.addEventListener("click", (event) => {
  const place = event.target.closest("[data-record]")?.closest("[data-recorder]");
  if (place) {
    record(place);
  }
});
document.addEventListener("shown", show);
show();
