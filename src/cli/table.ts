import Table from 'cli-table3'

/** A table for the terminal: right-aligned but for the first column; plain where the output is no terminal. */
export function tableText(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  align: 'left' | 'right' = 'right',
  widths?: readonly (number | null)[],
): string {
  const colours = process.stdout.isTTY ? {} : { style: { head: [], border: [] } }
  const table = new Table({
    head: [...head],
    colAligns: head.map((_, i) => (i === 0 ? 'left' : align)),
    ...colours,
    ...(widths ? { colWidths: [...widths], wordWrap: true } : {}),
  })
  table.push(...rows.map((row) => [...row]))
  return table.toString()
}
