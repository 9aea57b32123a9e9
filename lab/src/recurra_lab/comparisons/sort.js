for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("thead th").forEach((head, column) => {
    head.style.cursor = "pointer";
    head.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = table.tBodies[0];
      const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const rows = [...body.rows].sort((a, b) => value(a).localeCompare(value(b), "en", { numeric: true }) * (down ? -1 : 1));
      const numeric = [...body.rows].every((row) => row.cells[column].dataset.value !== undefined);
      const amount = (row) => Number(value(row).replace("inf", "Infinity"));
      const lacking = (row) => Number(Number.isNaN(amount(row)));
      if (numeric) rows.sort((a, b) => lacking(a) - lacking(b) || (amount(a) - amount(b)) * (down ? -1 : 1));
      body.append(...rows);
    });
  });
}
