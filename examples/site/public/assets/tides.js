const rows = document.querySelector("#tides tbody");
const step = 12 * 60 + 25; // minutes from one high water to the next
for (let i = 0; i < 4; i++) {
  const at = new Date(Date.now() + (90 + (i * step) / 2) * 60_000);
  const row = rows.insertRow();
  row.insertCell().textContent = i % 2 ? "Low" : "High";
  row.insertCell().textContent = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
