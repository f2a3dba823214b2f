import { visible } from '../../base/visible.ts'
import type { Progress } from '../client/types.ts'
import type { Output } from './output.ts'
import { formatBytes } from './text.ts'

/** How far something is. */
interface Step extends Omit<Progress, 'phase'> {
  phase: Progress['phase'] | 'check' | 'copy'
}

const TITLES: Record<Step['phase'], string> = {
  encode: 'encoding',
  register: 'paying on Sui',
  upload: 'sending',
  certify: 'certifying',
  fetch: 'fetching',
  decode: 'decoding',
  check: 'checking',
  copy: 'copying',
}
const TITLE_WIDTH = Math.max(...Object.values(TITLES).map(title => title.length))

export interface ProgressBar {
  update(progress: Step): void
  stop(): void
}

/** One bar on a terminal's stderr; nothing anywhere else. */
export async function createProgressBar(
  output: Output,
  name: string,
  sizeBytes?: number,
): Promise<ProgressBar> {
  if (!output.interactive) return { update() {}, stop() {} }
  const { SingleBar } = (await import('cli-progress')).default
  const label = sizeBytes === undefined ? visible(name) : `${visible(name)}, ${formatBytes(sizeBytes)}`
  const bar = new SingleBar({
    format: `{phase} [{bar}] {percentage}%  ${label}`,
    barCompleteChar: '=',
    barIncompleteChar: ' ',
    barsize: 30,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    gracefulExit: false, // Ctrl-C is ours to handle
  })
  const phase = (progress: Step) => ({ phase: TITLES[progress.phase].padEnd(TITLE_WIDTH) })
  let started = false
  return {
    update(progress) {
      if (!started) bar.start(progress.total, progress.done, phase(progress))
      started = true
      bar.setTotal(progress.total)
      bar.update(progress.done, phase(progress))
    },
    stop: () => bar.stop(),
  }
}
