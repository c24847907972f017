import { defineConfig, type ViteUserConfig } from 'vitest/config';

/** Against real foreign implementations: needs Go, so `npm test` leaves it out and `npm run test:interop` runs it. */
const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/interop/**/*.interop.ts'],
    globalSetup: ['test/interop/install.ts'],
    testTimeout: 60_000,
    hookTimeout: 600_000,
    fileParallelism: false,
  },
});

export default config;
