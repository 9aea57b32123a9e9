const runs = document.getElementById("runs");
const state = document.getElementById("state");
async function refresh() {
  try {
    const answer = await fetch("runs", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    const open = new Set([...runs.querySelectorAll("details[open]")].map((part) => part.id));
    runs.innerHTML = await answer.text();
    for (const part of runs.querySelectorAll("details")) part.open = open.has(part.id);
    state.textContent = "live";
  } catch {
    state.textContent = "recurra watch has ended; this is the last state";
  }
  setTimeout(refresh, 2000);
}
setTimeout(refresh, 2000);
