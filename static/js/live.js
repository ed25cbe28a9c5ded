// What htmx asks and when: live parts rest while nobody looks or while somebody is choosing in them; addresses stay short.
const body = document.body;

function rests(part) {
  return document.hidden || part.querySelector("input:checked") || part.contains(document.activeElement);
}

body.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.detail.elt;
  if (part.matches("[data-live]") && rests(part)) event.preventDefault();
});

// What asks for itself again and again says so: it is not somebody at work, and keeps no session alive.
body.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt.matches("[hx-trigger*=every]")) event.detail.headers["X-Poll"] = "1";
});

// Empty filters say nothing, so they do not go into the address.
body.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb !== "get") return;
  const { formData } = event.detail;
  for (const name of new Set(formData.keys())) {
    const values = formData.getAll(name).filter((value) => value !== "");
    formData.delete(name);
    for (const value of values) formData.append(name, value);
  }
});

body.addEventListener("htmx:sendError", () => body.classList.add("is-offline"));
body.addEventListener("htmx:afterOnLoad", () => body.classList.remove("is-offline"));

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) for (const part of document.querySelectorAll("[data-live]")) htmx.trigger(part, "look");
});
