// Writes the API reports anew, for a reviewer to read: what differs in them is what users will notice.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { apiReports } from './api-report.ts';
import { ROOT } from './tarball.ts';

const reports = await apiReports(ROOT);
await rm(join(ROOT, 'api'), { recursive: true, force: true });
await mkdir(join(ROOT, 'api'));
for (const { file, text } of reports) {
  await writeFile(join(ROOT, file), text);
  console.log(file);
}
