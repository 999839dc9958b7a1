// Nothing happens before the click: programs that scan mails open every link.
const form = document.querySelector("form");
const status = document.querySelector("[role=status]");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
history.replaceState(null, "", location.pathname); // the token is not for the browser's history

if (!token && "takesToken" in form.dataset) {
  form.hidden = true;
  status.textContent = "This link is not complete. Open it from the mail again.";
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  status.textContent = "One moment…";
  try {
    const answer = await fetch(form.dataset.path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...(token && { token }), ...Object.fromEntries(new FormData(form)) }),
    });
    if (answer.ok) {
      form.hidden = true;
      status.textContent = form.dataset.done;
      return;
    }
    const problem = await answer.json();
    const [fault] = problem.errors ?? [];
    status.textContent = [problem.detail, fault?.detail].filter(Boolean).join(": ");
  } catch {
    status.textContent = "Holdfast cannot be reached at this moment. Try again.";
  }
  button.disabled = false;
});
