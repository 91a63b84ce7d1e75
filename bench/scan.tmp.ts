import { readFileSync } from 'node:fs';
import { BarColumns } from '../src/workers/columns.ts';
import { Scanner, SymbolTable, carryLast } from '../src/workers/scan/scanner.ts';
const num=(role:any,optional=false)=>({role,names:[role],optional});
const shape:any={delimiter:',',header:'none',preamble:0,columns:[num('time'),num('open'),num('high'),num('low'),num('close'),num('volume'),num('trades')],time:'s',timeZone:'UTC'};
const checks:any={intervalUs:300e6,grid:'epoch',zone:'UTC',fileFromUs:-Infinity,fileToUs:Infinity,wantFromUs:-Infinity,wantToUs:Infinity,earliestUs:946684800e6,latestUs:4102444800e6,onInvalid:'reject',maxRecordBytes:1<<20};
for (const f of process.argv.slice(2)) {
 let best=1e9; const bytes=readFileSync(f);
 for (let k=0;k<40;k++){
 const s=new Scanner(shape,{...checks,intervalUs:Number(/_(\d+)\.csv/.exec(f)?.[1]??5)*60e6},new SymbolTable('X',null),'time');
 const out=new BarColumns(8192);
 let rows=0; const t=process.cpuUsage().user;
 let sum=0;
 const take=(n:number)=>{ for(let i=0;i<n;i++) sum+=out.close[i]!; rows+=n;};
 for(let p=0;p<bytes.length;){ const e=Math.min(bytes.length,p+(1<<20)); p+=s.push(bytes,p,e,out); take(Math.max(0,out.length-1)); carryLast(out,out);}
 while(!s.finish(out)){take(out.length-1);carryLast(out,out);} take(out.length);
 const ms=(process.cpuUsage().user-t)/1000;
 best=Math.min(best,ms);if(k===39)console.log(best*1e6/rows,f.split('/').pop(),rows,sum,(ms*1e6/rows).toFixed(0)+' ns/record',(bytes.length/rows).toFixed(0)+' bytes',JSON.stringify(s.counters),s.unordered,s.takeRejects().slice(0,2));
 }
}
