import { digits, median } from '../statistics.ts';
import type { Figure } from '../workload.ts';

const width = 720;
const labelWidth = 170;
const valueWidth = 150;
const barHeight = 18;
const rowHeight = 26;
const titleHeight = 34;
const colors = { ours: '#1a7f5a', others: '#8a94a6', floor: '#c9ced8', range: '#1f2733' } as const;

/** An SVG with one panel per figure and one bar per contender. The line over a bar spans all repetitions. */
export function chart(figures: readonly Figure[]): string {
  let y = 8;
  const parts: string[] = [];
  for (const figure of figures) {
    const panel = drawPanel(figure, y);
    parts.push(panel.svg);
    y += panel.height + 10;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" font-family="system-ui, sans-serif" font-size="13">
<rect width="${width}" height="${y}" rx="6" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`;
}

function drawPanel({ name, unit, values, better }: Figure, top: number): { svg: string; height: number } {
  const rows = Object.entries(values);
  const most = Math.max(...rows.flatMap(([, numbers]) => numbers));
  const scale = (value: number): number => (most > 0 ? (value / most) * (width - labelWidth - valueWidth) : 0);
  const title = `${name}, ${unit} (${better} is better)`;
  const bars = rows.map(([contender, numbers], index) => {
    const y = top + titleHeight + index * rowHeight;
    const middle = y + barHeight / 2;
    const value = median(numbers);
    const [least, greatest] = [Math.min(...numbers), Math.max(...numbers)];
    const x = (number: number): string => (labelWidth + scale(number)).toFixed(1);
    return [
      text(labelWidth - 8, middle + 4, contender, 'end'),
      `<rect x="${labelWidth}" y="${y}" width="${Math.max(1, scale(value)).toFixed(1)}" height="${barHeight}" fill="${colorOf(contender)}"/>`,
      `<line x1="${x(least)}" y1="${middle}" x2="${x(greatest)}" y2="${middle}" stroke="${colors.range}"/>`,
      text(Number(x(greatest)) + 8, middle + 4, digits(value), 'start'),
    ].join('');
  });
  return {
    svg: [text(12, top + 18, title, 'start', 'font-weight="600"'), ...bars].join('\n'),
    height: titleHeight + rows.length * rowHeight,
  };
}

function colorOf(contender: string): string {
  if (contender.startsWith('quire')) return colors.ours;
  return contender.endsWith('relay') ? colors.floor : colors.others;
}

function text(x: number, y: number, content: string, anchor: 'start' | 'end', more = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}" fill="${colors.range}" ${more}>${escaped}</text>`;
}
