@echo off
rem Nop tep du lieu cua truong cho So (Windows 10 tro len: dung curl.exe co san cua Windows).
rem Uploads the school's export file (Windows 10 and later: Windows' own curl.exe).
rem
rem CACH DUNG: 1. Sua 4 dong SET duoi day. 2. Tao chia khoa (token) o trang nop, muc "Tai khoan", luu
rem vao tep KHOA (mot dong). 3. Chay thu bang cach bam dup. 4. Cho chay moi ngay luc 17 gio:
rem   schtasks /Create /TN "Nop du lieu" /SC DAILY /ST 17:00 /TR "C:\LienThong\nop-du-lieu.cmd"
rem Xem ket qua: tep nhat ky NHATKY, hoac trang nop tren web.
rem Thoat / exit: 0 da nhan; 1 chua gui duoc (se thu lai lan sau); 2 thieu tep; 3 bi tu choi.
setlocal
if not defined DIACHI set "DIACHI=https://nop.so79.example"
if not defined MA set "MA=79000123"
if not defined TEP set "TEP=C:\LienThong\hocsinh.xlsx"
if not defined KHOA set "KHOA=C:\LienThong\khoa.txt"
if not defined NHATKY set "NHATKY=%~dp0nop-du-lieu.log"

if not exist "%TEP%" call :ghi "khong co tep %TEP%" & exit /b 2
if not exist "%KHOA%" call :ghi "khong co tep chia khoa %KHOA%" & exit /b 2

rem Tieu de Authorization nam trong tep tam, khong hien tren dong lenh.
rem The header stands in a temporary file, not on the command line.
set /p TOKEN=<"%KHOA%"
set "TAM=%TEMP%\nop-du-lieu-%RANDOM%%RANDOM%"
>"%TAM%.cfg" echo header = "Authorization: Bearer %TOKEN%"
set "TOKEN="

rem Thu lai den 8 lan, cach nhau 60 giay, khi mang loi hoac may chu ban.
rem Up to eight tries, a minute apart, while the line fails or the server is busy.
set LAN=0
:thu
set /a LAN+=1
set "STATUS=000"
curl.exe -sS --config "%TAM%.cfg" -T "%TEP%" --connect-timeout 30 --max-time 900 -o "%TAM%.txt" -w "%%{http_code}" "%DIACHI%/nop/%MA%/" >"%TAM%.ma" 2>"%TAM%.err"
set /p STATUS=<"%TAM%.ma"
call :ghi "lan %LAN%: ma tra loi %STATUS%"
if exist "%TAM%.txt" type "%TAM%.txt" >>"%NHATKY%"
if exist "%TAM%.err" type "%TAM%.err" >>"%NHATKY%"
set "KETQUA=1"
if "%STATUS%"=="201" set "KETQUA=0"
if "%STATUS:~0,1%"=="4" if not "%STATUS%"=="429" set "KETQUA=3"
if "%KETQUA%"=="1" if %LAN% LSS 8 timeout /t 60 /nobreak >nul & goto thu

del "%TAM%.cfg" "%TAM%.txt" "%TAM%.ma" "%TAM%.err" 2>nul
exit /b %KETQUA%

:ghi
>>"%NHATKY%" echo %DATE% %TIME% %~1
echo %~1
exit /b 0
