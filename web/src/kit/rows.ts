/** Keys for tables of rows. */

/** Up and Down move between the rows' own buttons (`data-row`); Tab stays as it is. */
export function arrowRows(body: HTMLElement): () => void {
  const move = (event: KeyboardEvent) => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (by === undefined || !(event.target instanceof HTMLElement)) return;
    const stops = [...body.querySelectorAll<HTMLElement>('[data-row]')];
    const row = event.target.closest('tr')?.querySelector<HTMLElement>('[data-row]');
    const next = row == null ? undefined : stops[stops.indexOf(row) + by];
    if (next === undefined) return;
    next.focus();
    event.preventDefault();
  };
  body.addEventListener('keydown', move);
  return () => body.removeEventListener('keydown', move);
}
