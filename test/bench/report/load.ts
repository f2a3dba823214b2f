import { availableParallelism, loadavg } from 'node:os'

/** How busy the machine was over the last minute, by the kernel's count of what runs or waits. */
export function load(): { average: number; cores: number } {
  return { average: loadavg()[0] ?? 0, cores: availableParallelism() }
}

export function loadText(): string {
  const { average, cores } = load()
  return `load ${average.toFixed(1)} on ${cores} cores`
}
